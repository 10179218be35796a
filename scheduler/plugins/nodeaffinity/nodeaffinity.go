// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodeaffinity

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	affinityhelper "k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"

	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/framework"
)

// Name is what configuration calls the plugin.
const Name = "NodeAffinity"

const (
	reason         = "node(s) didn't match Pod's node affinity/selector"
	reasonEnforced = "node(s) didn't match scheduler-enforced node affinity"
	reasonConflict = "pod affinity terms conflict"
)

// Plugin is the plugin.
type Plugin struct {
	added *corev1.NodeAffinity // from configuration, for all pods; may be nil
}

var (
	_ framework.FilterPlugin = (*Plugin)(nil)
	_ framework.ScorePlugin  = (*Plugin)(nil)
	_ framework.Shaper       = (*Plugin)(nil)
	_ framework.HintPlugin   = (*Plugin)(nil)
	_ framework.Normalizer   = (*scorer)(nil)
)

// Args returns arguments that configuration can be decoded into.
func Args() runtime.Object { return &schedulerv1.NodeAffinityArgs{} }

// New builds the plugin.
func New(args runtime.Object, _ framework.Handle) (framework.Plugin, error) {
	typed, err := framework.ArgsOf[*schedulerv1.NodeAffinityArgs](Name, args)
	if err != nil {
		return nil, err
	}
	if added := typed.AddedAffinity; added != nil {
		if required := added.RequiredDuringSchedulingIgnoredDuringExecution; required != nil {
			if _, err := affinityhelper.NewNodeSelector(required); err != nil {
				return nil, fmt.Errorf("parsing addedAffinity.requiredDuringSchedulingIgnoredDuringExecution: %w", err)
			}
		}
		preferred := added.PreferredDuringSchedulingIgnoredDuringExecution
		if _, err := affinityhelper.NewPreferredSchedulingTerms(preferred); err != nil {
			return nil, fmt.Errorf("parsing addedAffinity.preferredDuringSchedulingIgnoredDuringExecution: %w", err)
		}
	}
	return &Plugin{added: typed.AddedAffinity}, nil
}

// Name implements framework.Plugin.
func (*Plugin) Name() string { return Name }

// Shape implements framework.Shaper.
func (*Plugin) Shape(pod *cache.Pod, shape *framework.Shape) {
	shape.Map(pod.Object.Spec.NodeSelector)
	affinity := affinityOf(pod)
	if affinity == nil {
		shape.Len(0)
		return
	}
	shape.Len(1)
	shape.Object(affinity)
}

// Filter implements framework.FilterPlugin.
func (p *Plugin) Filter(pod *cache.Pod, nodes *cache.Snapshot) (framework.Filter, *framework.Rejection) {
	c := &check{nodes: nodes, selector: compileLabels(pod.Object.Spec.NodeSelector)}
	if p.added != nil && p.added.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		c.enforced = compileTerms(p.added.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms)
		c.enforcedRejection = framework.RejectForGood(Name, reasonEnforced)
	}
	required := requiredOf(pod)
	if required != nil {
		c.terms = compileTerms(required.NodeSelectorTerms)
	}
	if c.selector == nil && c.terms == nil && c.enforced == nil {
		return framework.Filter{}, nil
	}
	c.rejection = framework.RejectForGood(Name, reason)
	filter := framework.Filter{Check: c}
	if names, named := namedNodes(required); named {
		if len(names) == 0 {
			return framework.Filter{}, framework.RejectForGood(Name, reasonConflict)
		}
		filter.Only = names
	}
	return filter, nil
}

// Score implements framework.ScorePlugin.
func (p *Plugin) Score(pod *cache.Pod, nodes *cache.Snapshot) framework.Scorer {
	s := &scorer{nodes: nodes}
	if affinity := affinityOf(pod); affinity != nil {
		s.add(affinity.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	if p.added != nil {
		s.add(p.added.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	if len(s.terms) == 0 {
		return nil
	}
	return s
}

// Hints implements framework.HintPlugin.
func (p *Plugin) Hints() []framework.Hint {
	return []framework.Hint{{
		Resource: framework.Node, Actions: framework.Add | framework.UpdateNodeLabel,
		Helps: func(pod *cache.Pod, event framework.Event) bool {
			if p.added != nil && p.added.RequiredDuringSchedulingIgnoredDuringExecution != nil {
				enforced, err := affinityhelper.NewNodeSelector(p.added.RequiredDuringSchedulingIgnoredDuringExecution)
				if err != nil || !enforced.Match(event.Node) {
					return false
				}
			}
			match, err := affinityhelper.GetRequiredNodeAffinity(pod.Object).Match(event.Node)
			return match && err == nil
		},
	}}
}

func affinityOf(pod *cache.Pod) *corev1.NodeAffinity {
	if pod.Object.Spec.Affinity == nil {
		return nil
	}
	return pod.Object.Spec.Affinity.NodeAffinity
}

func requiredOf(pod *cache.Pod) *corev1.NodeSelector {
	if affinity := affinityOf(pod); affinity != nil {
		return affinity.RequiredDuringSchedulingIgnoredDuringExecution
	}
	return nil
}

// namedNodes returns the nodes that a selector names in every one of its terms, as the pods of daemon sets do; named is
// false when some term leaves the name open.
func namedNodes(selector *corev1.NodeSelector) (names []string, named bool) {
	if selector == nil || len(selector.NodeSelectorTerms) == 0 {
		return nil, false
	}
	union := sets.New[string]()
	for i := range selector.NodeSelectorTerms {
		var term sets.Set[string]
		for _, r := range selector.NodeSelectorTerms[i].MatchFields {
			if r.Key != metav1.ObjectNameField || r.Operator != corev1.NodeSelectorOpIn {
				continue
			}
			if values := sets.New(r.Values...); term == nil {
				term = values
			} else {
				term = term.Intersection(values)
			}
		}
		if term == nil {
			return nil, false
		}
		union = union.Union(term)
	}
	return sets.List(union), true
}

type check struct {
	nodes             *cache.Snapshot
	selector          *term
	terms             []*term
	enforced          []*term
	rejection         *framework.Rejection
	enforcedRejection *framework.Rejection
}

func (c *check) Check(n int32) *framework.Rejection {
	if c.enforced != nil && !anyMatches(c.enforced, c.nodes, n) {
		return c.enforcedRejection
	}
	if c.selector != nil && !c.selector.matches(c.nodes, n) {
		return c.rejection
	}
	if c.terms != nil && !anyMatches(c.terms, c.nodes, n) {
		return c.rejection
	}
	return nil
}

// scorer adds up the weights of the preferred terms that match.
type scorer struct {
	nodes   *cache.Snapshot
	terms   []*term
	weights []int64
}

func (s *scorer) add(terms []corev1.PreferredSchedulingTerm) {
	for i := range terms {
		if terms[i].Weight == 0 || isEmpty(&terms[i].Preference) {
			continue
		}
		s.terms = append(s.terms, compileTerm(&terms[i].Preference))
		s.weights = append(s.weights, int64(terms[i].Weight))
	}
}

func (s *scorer) Score(n int32) int64 {
	var sum int64
	for i, t := range s.terms {
		if t.matches(s.nodes, n) {
			sum += s.weights[i]
		}
	}
	return sum
}

// Normalize makes the node that most speaks for the best.
func (s *scorer) Normalize(score, _, highest int64) int64 {
	if highest == 0 {
		return score
	}
	return framework.MaxScore * score / highest
}
