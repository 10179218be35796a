// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package durability

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// watcher writes down what one watch delivers.
type watcher struct {
	journal *journal
	// marked is told of every version of the marker.
	marked chan int
}

// marker is an object that nobody writes but the test, to see how far the watch has come.
const marker = "marker"

// run watches from where the journal stands until the server is gone, or ctx ends.
func (w *watcher) run(ctx context.Context, c *client) error {
	for begin := w.journal.position() == 0; ; begin = false {
		if !begin {
			if gone, err := w.watch(ctx, c); err != nil || !gone {
				return err
			}
		}
		// The history is not there any more: list, as every client does.
		_, revision, err := list(ctx, c)
		if err != nil {
			return nil //nolint:nilerr // the server has ended
		}
		w.journal.jump(revision)
	}
}

// watch reports whether the server has no history from where the journal stands.
func (w *watcher) watch(ctx context.Context, c *client) (gone bool, _ error) {
	path := collection + selector + "&watch=true&allowWatchBookmarks=true&resourceVersion=" + strconv.FormatInt(w.journal.position(), 10)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return false, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return false, nil //nolint:nilerr // the server has ended
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body) //nolint:errcheck // what there is of it
		if response.StatusCode == http.StatusGone {
			return true, nil
		}
		if strings.Contains(string(text), "shutting down") {
			return false, nil
		}
		return false, fmt.Errorf("watching: %d %s", response.StatusCode, text)
	}
	decoder := json.NewDecoder(response.Body)
	for {
		var event struct {
			Type   string
			Object json.RawMessage
		}
		if err := decoder.Decode(&event); err != nil {
			return false, nil //nolint:nilerr // the server has ended
		}
		if gone, err := w.note(event.Type, event.Object); gone || err != nil {
			return gone, err
		}
	}
}

func (w *watcher) note(kind string, raw []byte) (gone bool, _ error) {
	if kind == "ERROR" {
		var status metav1.Status
		if err := json.Unmarshal(raw, &status); err != nil || status.Code != http.StatusGone {
			return false, fmt.Errorf("watching: %s", raw)
		}
		return true, nil
	}
	var object corev1.ConfigMap
	if err := json.Unmarshal(raw, &object); err != nil {
		return false, fmt.Errorf("reading an event: %w", err)
	}
	if kind == "BOOKMARK" {
		revision, err := strconv.ParseInt(object.ResourceVersion, 10, 64)
		if err != nil {
			return false, fmt.Errorf("a bookmark has the resourceVersion %q", object.ResourceVersion)
		}
		w.journal.progress(revision)
		return false, nil
	}
	v, err := versionOf(&object)
	if err != nil {
		return false, fmt.Errorf("in a watch: %w", err)
	}
	if err := w.journal.add(happening{deleted: kind == "DELETED", name: object.Name, version: v}); err != nil {
		return false, err
	}
	if object.Name == marker {
		w.marked <- v.number
	}
	return false, nil
}

// list returns our objects, by name, and the revision of the list.
func list(ctx context.Context, c *client) (map[string]version, int64, error) {
	result := c.do(ctx, http.MethodGet, collection+selector, "", nil)
	if result.fate != answered || result.code != http.StatusOK {
		return nil, 0, fmt.Errorf("listing: %d %s, %w", result.code, result.body, result.err)
	}
	var all corev1.ConfigMapList
	if err := json.Unmarshal(result.body, &all); err != nil {
		return nil, 0, fmt.Errorf("listing: %w", err)
	}
	revision, err := strconv.ParseInt(all.ResourceVersion, 10, 64)
	if err != nil {
		return nil, 0, fmt.Errorf("the list has the resourceVersion %q", all.ResourceVersion)
	}
	found := map[string]version{}
	for i := range all.Items {
		v, err := versionOf(&all.Items[i])
		if err != nil {
			return nil, 0, err
		}
		if _, twice := found[all.Items[i].Name]; twice {
			return nil, 0, fmt.Errorf("%s is in the list twice", all.Items[i].Name)
		}
		found[all.Items[i].Name] = v
	}
	return found, revision, nil
}
