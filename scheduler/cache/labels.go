// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

// Labels is the index of node labels: which nodes carry a key, and which carry a key with a value.
type Labels struct {
	keys       map[string]*labelKey
	nodes      []map[string]string
	generation uint64
}

type labelKey struct {
	nodes  Bitset
	values map[string]*Bitset
}

func (l *Labels) init() { l.keys = map[string]*labelKey{} }

// Generation changes whenever a key or value appears or vanishes, which is when bitsets looked up earlier must be
// looked up again.
func (l *Labels) Generation() uint64 { return l.generation }

// Of returns the labels of node n.
func (l *Labels) Of(n int32) map[string]string {
	if int(n) >= len(l.nodes) {
		return nil
	}
	return l.nodes[n]
}

// With returns the nodes that carry key, nil for none.
func (l *Labels) With(key string) *Bitset {
	if k, ok := l.keys[key]; ok {
		return &k.nodes
	}
	return nil
}

// Equal returns the nodes whose label key is value, nil for none.
func (l *Labels) Equal(key, value string) *Bitset {
	if k, ok := l.keys[key]; ok {
		return k.values[value]
	}
	return nil
}

func (l *Labels) set(n int32, labels map[string]string) {
	for int(n) >= len(l.nodes) {
		l.nodes = append(l.nodes, nil)
	}
	old := l.nodes[n]
	for key, value := range old {
		if now, ok := labels[key]; !ok || now != value {
			l.remove(n, key, value)
		}
	}
	for key, value := range labels {
		if was, ok := old[key]; !ok || was != value {
			l.add(n, key, value)
		}
	}
	l.nodes[n] = labels
}

func (l *Labels) add(n int32, key, value string) {
	k, ok := l.keys[key]
	if !ok {
		k = &labelKey{values: map[string]*Bitset{}}
		l.keys[key] = k
		l.generation++
	}
	k.nodes.Set(n)
	v, ok := k.values[value]
	if !ok {
		v = &Bitset{}
		k.values[value] = v
		l.generation++
	}
	v.Set(n)
}

func (l *Labels) remove(n int32, key, value string) {
	k := l.keys[key]
	k.nodes.Clear(n)
	v := k.values[value]
	v.Clear(n)
	if v.Count() == 0 {
		delete(k.values, value)
		l.generation++
	}
	if k.nodes.Count() == 0 {
		delete(l.keys, key)
		l.generation++
	}
}
