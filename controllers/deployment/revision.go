// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/utils/ptr"
)

// Annotations that Deployments and their ReplicaSets carry. kubectl rollout reads them.
const (
	annotationRevision = "deployment.kubernetes.io/revision"
	annotationHistory  = "deployment.kubernetes.io/revision-history"
	annotationDesired  = "deployment.kubernetes.io/desired-replicas"
	annotationMax      = "deployment.kubernetes.io/max-replicas"
)

// historyLength is how many characters of past revisions a set remembers.
const historyLength = 2000

// notCopied are the annotations of a deployment that say nothing about its sets.
var notCopied = map[string]bool{
	corev1.LastAppliedConfigAnnotation: true,
	annotationRevision:                 true,
	annotationHistory:                  true,
	annotationDesired:                  true,
	annotationMax:                      true,
	appsv1.DeprecatedRollbackTo:        true,
}

// split finds the set that has the template of the deployment. Should there be several, the oldest is taken, so that
// all passes agree. The others are returned oldest first.
func split(deployment *appsv1.Deployment, sets []*appsv1.ReplicaSet) (current *appsv1.ReplicaSet, old []*appsv1.ReplicaSet) {
	sorted := slices.Clone(sets)
	slices.SortFunc(sorted, func(a, b *appsv1.ReplicaSet) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	for _, set := range sorted {
		if current == nil && sameTemplate(&set.Spec.Template, &deployment.Spec.Template) {
			current = set
		} else {
			old = append(old, set)
		}
	}
	return current, old
}

// sameTemplate compares templates without the hash label that only those of sets have.
func sameTemplate(a, b *corev1.PodTemplateSpec) bool {
	left, right := a.ObjectMeta, b.ObjectMeta
	left.Labels, right.Labels = withoutHash(a.Labels), withoutHash(b.Labels)
	return equality.Semantic.DeepEqual(left, right) && equality.Semantic.DeepEqual(a.Spec, b.Spec)
}

func withoutHash(labels map[string]string) map[string]string {
	if _, ok := labels[appsv1.DefaultDeploymentUniqueLabelKey]; !ok {
		return labels
	}
	rest := maps.Clone(labels)
	delete(rest, appsv1.DefaultDeploymentUniqueLabelKey)
	return rest
}

// templateHash names a template. It is made from the JSON form, where unset fields do not appear, so that a new field
// in a later version of Kubernetes does not change the hashes of old templates. The collision count makes it another
// hash when the name is taken by a set of another template.
func templateHash(template *corev1.PodTemplateSpec, collisions *int32) (string, error) {
	encoded, err := json.Marshal(template)
	if err != nil {
		return "", fmt.Errorf("hashing the pod template: %w", err)
	}
	hash := fnv.New32a()
	hash.Write(encoded)
	if collisions != nil {
		fmt.Fprintf(hash, "/%d", *collisions)
	}
	return rand.SafeEncodeString(strconv.FormatUint(uint64(hash.Sum32()), 10)), nil
}

// keepRevision brings the annotations of the newest set up to date and, when create is true and there is none, plans
// it. It reports whether the newest set exists.
func (t *step) keepRevision(create bool) bool {
	next := int64(1)
	for _, set := range t.old {
		next = max(next, revisionOf(set)+1)
	}
	if t.current != nil {
		updated := t.current.DeepCopy()
		annotated := annotate(updated, t.deployment, next)
		if annotated || updated.Spec.MinReadySeconds != t.deployment.Spec.MinReadySeconds {
			updated.Spec.MinReadySeconds = t.deployment.Spec.MinReadySeconds
			t.put(updated, replicas(t.current))
		}
		t.plan.revision = t.current.Annotations[annotationRevision]
		if hasDeadline(t.deployment) && conditionOf(t.plan.status, appsv1.DeploymentProgressing) == nil {
			t.setProgress(corev1.ConditionTrue, reasonFoundSet, fmt.Sprintf("Found new replica set %q", t.current.Name))
		}
		return true
	}
	if create {
		t.create(next)
	}
	return false
}

// create plans the set for the template of the deployment.
func (t *step) create(revision int64) {
	set, err := newSet(t.deployment)
	if err != nil {
		t.setProgress(corev1.ConditionFalse, reasonCreateError, err.Error())
		return
	}
	set.Spec.Replicas = ptr.To(newSetSize(t.deployment, 0, sumReplicas(t.old)))
	annotate(set, t.deployment, revision)
	rememberSize(set, t.deployment)
	t.plan.create = set
	t.plan.revision = set.Annotations[annotationRevision]
	if hasDeadline(t.deployment) {
		t.setProgress(corev1.ConditionTrue, reasonNewSet, fmt.Sprintf("Created new replica set %q", set.Name))
	}
}

func newSet(deployment *appsv1.Deployment) (*appsv1.ReplicaSet, error) {
	hash, err := templateHash(&deployment.Spec.Template, deployment.Status.CollisionCount)
	if err != nil {
		return nil, err
	}
	template := *deployment.Spec.Template.DeepCopy()
	template.Labels = withHash(template.Labels, hash)
	selector := deployment.Spec.Selector.DeepCopy()
	selector.MatchLabels = withHash(selector.MatchLabels, hash)
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Name:            deployment.Name + "-" + hash,
			Namespace:       deployment.Namespace,
			Labels:          maps.Clone(template.Labels),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(deployment, kind)},
		},
		Spec: appsv1.ReplicaSetSpec{
			MinReadySeconds: deployment.Spec.MinReadySeconds,
			Selector:        selector,
			Template:        template,
		},
	}, nil
}

func withHash(labels map[string]string, hash string) map[string]string {
	copied := make(map[string]string, len(labels)+1)
	maps.Copy(copied, labels)
	copied[appsv1.DefaultDeploymentUniqueLabelKey] = hash
	return copied
}

// annotate copies the annotations of the deployment to its newest set and gives it the next revision, unless it already
// has a higher one. The revision that it had before, when it was the newest set once, goes to its history.
func annotate(set *appsv1.ReplicaSet, deployment *appsv1.Deployment, next int64) (changed bool) {
	if set.Annotations == nil {
		set.Annotations = map[string]string{}
	}
	for key, value := range deployment.Annotations {
		if has, ok := set.Annotations[key]; !notCopied[key] && (!ok || has != value) {
			set.Annotations[key] = value
			changed = true
		}
	}
	if before := revisionOf(set); before < next {
		if before > 0 {
			set.Annotations[annotationHistory] = history(set.Annotations[annotationHistory], before)
		}
		set.Annotations[annotationRevision] = strconv.FormatInt(next, 10)
		changed = true
	}
	return changed
}

// history appends a revision to the list and drops the oldest ones when it gets too long.
func history(list string, revision int64) string {
	if list == "" {
		return strconv.FormatInt(revision, 10)
	}
	list += "," + strconv.FormatInt(revision, 10)
	for len(list) > historyLength {
		_, list, _ = strings.Cut(list, ",")
	}
	return list
}

// rememberSize notes on a set for which size of the deployment it was scaled.
func rememberSize(set *appsv1.ReplicaSet, deployment *appsv1.Deployment) (changed bool) {
	for key, value := range map[string]int32{
		annotationDesired: wanted(deployment), annotationMax: wanted(deployment) + maxSurge(deployment),
	} {
		if text := strconv.FormatInt(int64(value), 10); set.Annotations[key] != text {
			if set.Annotations == nil {
				set.Annotations = map[string]string{}
			}
			set.Annotations[key] = text
			changed = true
		}
	}
	return changed
}

func revisionOf(set *appsv1.ReplicaSet) int64 {
	revision, err := strconv.ParseInt(set.Annotations[annotationRevision], 10, 64)
	if err != nil {
		return 0
	}
	return revision
}

func compareRevisions(a, b *appsv1.ReplicaSet) int { return cmp.Compare(revisionOf(a), revisionOf(b)) }

// number reads an annotation that holds a number of replicas.
func number(set *appsv1.ReplicaSet, key string) (int32, bool) {
	value, err := strconv.ParseInt(set.Annotations[key], 10, 32)
	return int32(value), err == nil
}
