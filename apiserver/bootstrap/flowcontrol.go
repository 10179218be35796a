// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/flowcontrol"
)

// flowControlPeriod is how often the objects of priority and fairness are looked after, as in Kubernetes.
const flowControlPeriod = time.Minute

// listLimit is far more objects than anyone has. With a limit, a list is answered from etcd while the watch cache is being
// filled; without, it is refused.
const listLimit = 5000

// flowControl puts the FlowSchemas and PriorityLevelConfigurations in place that Kubernetes has by default, and a few
// schemas for components of our own, brings those up to date that nobody has taken over, and removes those that it had once. The annotation
// apf.kubernetes.io/autoupdate-spec tells who keeps an object: with "true" the server does, with "false" the
// administrator. The mandatory ones are always the server's. Any number of servers may do so at the same time.
//
// Levels come before the schemas that refer to them, and go after them: a schema without its level is not in force. The
// objects are read at resourceVersion, which is "" for what is stored and "0" for what the watch cache has.
func (b *Bootstrap) flowControl(ctx context.Context, resourceVersion string) error {
	if !b.stores.has(flowSchemas) || !b.stores.has(priorityLevels) {
		return nil
	}
	levels, err := levelConfiguration.plan(ctx, b.stores, resourceVersion)
	if err != nil {
		return err
	}
	schemas, err := schemaConfiguration.plan(ctx, b.stores, resourceVersion)
	if err != nil {
		return err
	}
	for _, tasks := range [][]task{levels.writes, slices.Concat(schemas.writes, schemas.deletes), levels.deletes} {
		if err := inParallel(ctx, tasks); err != nil {
			return err
		}
	}
	return nil
}

// maintainFlowControl is flowControl once a minute.
func (b *Bootstrap) maintainFlowControl(ctx context.Context) error {
	if now := b.config.Clock.Now(); now.Sub(b.flowControlled) >= flowControlPeriod {
		b.flowControlled = now
		return b.flowControl(ctx, "0")
	}
	return nil
}

// configuration is one of the two kinds with its default objects.
type configuration[T object] struct {
	resource             schema.GroupResource
	mandatory, suggested []T
	setDefaults          func(T)
	// current reports whether the spec of an object is the wanted one.
	current func(obj, want T) bool
	// setSpec makes the spec of an object the wanted one.
	setSpec func(obj, want T)
}

var levelConfiguration = configuration[*flowcontrolv1.PriorityLevelConfiguration]{
	resource:    priorityLevels,
	mandatory:   bootstrap.MandatoryPriorityLevelConfigurations,
	suggested:   bootstrap.SuggestedPriorityLevelConfigurations,
	setDefaults: flowcontrol.PriorityLevelConfigurations.Default,
	current: func(obj, want *flowcontrolv1.PriorityLevelConfiguration) bool {
		spec := obj.Spec
		if obj.Name == flowcontrolv1.PriorityLevelConfigurationNameExempt && spec.Exempt != nil {
			spec.Exempt = want.Spec.Exempt // the administrator's to choose
		}
		return equality.Semantic.DeepEqual(spec, want.Spec)
	},
	setSpec: func(obj, want *flowcontrolv1.PriorityLevelConfiguration) { want.Spec.DeepCopyInto(&obj.Spec) },
}

var schemaConfiguration = configuration[*flowcontrolv1.FlowSchema]{
	resource:    flowSchemas,
	mandatory:   bootstrap.MandatoryFlowSchemas,
	suggested:   slices.Concat(bootstrap.SuggestedFlowSchemas, ownSchemas()),
	setDefaults: flowcontrol.FlowSchemas.Default,
	current: func(obj, want *flowcontrolv1.FlowSchema) bool {
		return equality.Semantic.DeepEqual(obj.Spec, want.Spec)
	},
	setSpec: func(obj, want *flowcontrolv1.FlowSchema) { want.Spec.DeepCopyInto(&obj.Spec) },
}

// LevelNames are the names of the default PriorityLevelConfigurations.
func LevelNames() []string {
	var names []string
	for _, level := range slices.Concat(levelConfiguration.mandatory, levelConfiguration.suggested) {
		names = append(names, level.Name)
	}
	return names
}

// changes are what is to be done to the objects of a kind.
type changes struct{ writes, deletes []task }

func (c configuration[T]) plan(ctx context.Context, s stores, resourceVersion string) (changes, error) {
	found, err := s(c.resource).List(request(ctx, ""), &metainternalversion.ListOptions{ResourceVersion: resourceVersion, Limit: listLimit})
	if err != nil {
		return changes{}, doing("listing "+c.resource.Resource, err)
	}
	var there []T
	err = meta.EachListItem(found, func(item runtime.Object) error {
		obj, ok := item.(T)
		if !ok {
			return fmt.Errorf("unexpected type %T", item)
		}
		there = append(there, obj)
		return nil
	})
	if err != nil {
		return changes{}, doing("listing "+c.resource.Resource, err)
	}
	create, update, remove := c.compare(there)
	var next changes
	for _, obj := range create {
		next.writes = append(next.writes, func(ctx context.Context) error {
			return doing(fmt.Sprintf("creating %s %s", c.resource.Resource, obj.GetName()), ignoreRace(s.create(ctx, c.resource, obj)))
		})
	}
	for _, obj := range update {
		next.writes = append(next.writes, func(ctx context.Context) error {
			return doing(fmt.Sprintf("updating %s %s", c.resource.Resource, obj.GetName()), ignoreGone(ignoreRace(s.update(ctx, c.resource, obj))))
		})
	}
	for _, obj := range remove {
		next.deletes = append(next.deletes, func(ctx context.Context) error {
			return doing(fmt.Sprintf("deleting %s %s", c.resource.Resource, obj.GetName()), ignoreGone(ignoreRace(c.removeUnchanged(ctx, s, obj))))
		})
	}
	return next, nil
}

// compare tells what is to be created, updated and removed, given what is there. It keeps and changes nothing of there.
func (c configuration[T]) compare(there []T) (create, update, remove []T) {
	byName := make(map[string]T, len(there))
	for _, obj := range there {
		byName[obj.GetName()] = obj
	}
	for i, want := range slices.Concat(c.mandatory, c.suggested) {
		want = copyOf(want)
		c.setDefaults(want)
		obj, found := byName[want.GetName()]
		delete(byName, want.GetName())
		if !found {
			create = append(create, want)
		} else if revised, changed := c.revise(obj, want, i < len(c.mandatory)); changed {
			update = append(update, revised)
		}
	}
	for _, obj := range there {
		_, unknown := byName[obj.GetName()]
		if ours, _ := strconv.ParseBool(obj.GetAnnotations()[flowcontrolv1.AutoUpdateAnnotationKey]); unknown && ours {
			remove = append(remove, obj)
		}
	}
	return create, update, remove
}

// revise brings an object up to date, if it is the server's, and states in its annotation whether it is.
func (c configuration[T]) revise(obj, want T, mandatory bool) (revised T, changed bool) {
	annotated, err := strconv.ParseBool(obj.GetAnnotations()[flowcontrolv1.AutoUpdateAnnotationKey])
	ours := annotated
	switch {
	case mandatory:
		ours = true
	case err != nil:
		ours = obj.GetGeneration() == 1 // nobody has changed the spec since it was created
	}
	outdated, unclear := ours && !c.current(obj, want), err != nil || annotated != ours
	if !outdated && !unclear {
		return obj, false
	}
	revised = copyOf(obj)
	if outdated {
		c.setSpec(revised, want)
	}
	if unclear {
		annotations := revised.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[flowcontrolv1.AutoUpdateAnnotationKey] = strconv.FormatBool(ours)
		revised.SetAnnotations(annotations)
	}
	return revised, true
}

// removeUnchanged deletes an object unless it is no longer what it was when it was read.
func (c configuration[T]) removeUnchanged(ctx context.Context, s stores, obj T) error {
	_, _, err := s(c.resource).Delete(request(ctx, ""), obj.GetName(), rest.ValidateAllObjectFunc, &metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: ptr.To(obj.GetUID()), ResourceVersion: ptr.To(obj.GetResourceVersion())},
	})
	return err
}

func copyOf[T object](obj T) T { return obj.DeepCopyObject().(T) } // a copy has the type of the original

func ignoreGone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
