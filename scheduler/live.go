// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scheduler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	ctrlcache "sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	coxswainv1alpha1 "coxswain.dev/coxswain/apis/coxswain/v1alpha1"
	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/framework"
	"coxswain.dev/coxswain/scheduler/profile"
)

// How long to wait before looking for the kind again while the cluster does not have it, and after an error.
const (
	minLiveRetry = time.Second
	maxLiveRetry = 15 * time.Second
)

// reasonInvalid is the reason of profiles that cannot be used, other than for an unknown plugin.
const reasonInvalid = "Invalid"

// live honours SchedulerProfile objects. It runs whether or not the cluster has the kind: it starts to watch once it does.
type live struct {
	s        *Scheduler
	compiler profile.Compiler
	poke     chan struct{} // holds a token when profiles have to be looked at again
	built    map[types.UID]built
}

// built is the last generation of an object that could be used.
type built struct {
	generation int64
	profile    *framework.Profile
}

func newLive(s *Scheduler, compiler profile.Compiler) *live {
	return &live{s: s, compiler: compiler, poke: make(chan struct{}, 1), built: map[types.UID]built{}}
}

// run watches and honours profiles until ctx ends.
func (l *live) run(ctx context.Context) error {
	log := ctrl.LoggerFrom(ctx).WithName("profiles")
	stop, err := l.watch(ctx)
	if err != nil || stop == nil {
		return err
	}
	defer stop()
	retry := minLiveRetry
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.poke:
		}
		if err := l.reconcile(ctx); err != nil && ctx.Err() == nil {
			log.Error(err, "Honouring scheduler profiles")
			if !l.sleep(ctx, retry) {
				return nil
			}
			retry = min(2*retry, maxLiveRetry)
			l.changed()
			continue
		}
		retry = minLiveRetry
	}
}

// watch waits until the cluster has the kind and then watches it. Stop is nil when ctx ended first.
func (l *live) watch(ctx context.Context) (stop func(), err error) {
	for wait := minLiveRetry; ; wait = min(2*wait, maxLiveRetry) {
		informer, err := l.s.manager.GetCache().GetInformer(ctx, &coxswainv1alpha1.SchedulerProfile{},
			ctrlcache.BlockUntilSynced(false))
		if err == nil {
			handler := toolscache.ResourceEventHandlerFuncs{
				AddFunc:    func(any) { l.changed() },
				UpdateFunc: func(any, any) { l.changed() },
				DeleteFunc: func(any) { l.changed() },
			}
			registration, err := informer.AddEventHandler(handler)
			if err != nil {
				return nil, fmt.Errorf("watching scheduler profiles: %w", err)
			}
			return func() { _ = informer.RemoveEventHandler(registration) }, nil // fails only when the informer has stopped
		}
		if !missing(err) {
			ctrl.LoggerFrom(ctx).Error(err, "Watching scheduler profiles")
		}
		if !l.sleep(ctx, wait) {
			return nil, nil
		}
	}
}

// missing reports whether an error says that the cluster does not have the kind.
func missing(err error) bool {
	return meta.IsNoMatchError(err) || runtime.IsNotRegisteredError(err) || apierrors.IsNotFound(err)
}

func (l *live) changed() {
	select {
	case l.poke <- struct{}{}:
	default:
	}
}

func (l *live) sleep(ctx context.Context, wait time.Duration) bool {
	timer := l.s.clock.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C():
		return true
	}
}

// reconcile puts the profiles there are in force, wakes up the pods concerned, and says in each profile's status what
// became of it.
func (l *live) reconcile(ctx context.Context) error {
	list := &coxswainv1alpha1.SchedulerProfileList{}
	if err := l.s.manager.GetCache().List(ctx, list); err != nil {
		return fmt.Errorf("listing scheduler profiles: %w", err)
	}
	inForce, verdicts := l.plan(list.Items)
	if changed := l.s.profiles.replace(inForce); len(changed) > 0 {
		ctrl.LoggerFrom(ctx).Info("Scheduler profiles changed", "schedulers", changed)
		l.s.queue.Retain(func(pod *cache.Pod) bool { return l.s.profiles.ours(pod.Object) })
		l.s.queue.Happened(framework.Event{Resource: framework.Anything, Action: framework.UpdateProfile, Label: "SchedulerProfile"})
		if err := l.s.adopt(ctx); err != nil {
			return err
		}
	}
	var errs []error
	for i := range list.Items {
		errs = append(errs, l.writeStatus(ctx, &list.Items[i], verdicts[list.Items[i].UID]))
	}
	return errors.Join(errs...)
}

// verdict is what became of a profile.
type verdict struct {
	ready   bool
	reason  string
	message string
}

// plan decides which objects are in force. Of those with one schedulerName that is the oldest. An object that cannot be
// used keeps what it said before in force, while this process remembers it, so that a slip of the hand does not stop
// scheduling.
func (l *live) plan(objects []coxswainv1alpha1.SchedulerProfile) (map[string]*framework.Profile, map[types.UID]verdict) {
	ordered := make([]*coxswainv1alpha1.SchedulerProfile, len(objects))
	for i := range objects {
		ordered[i] = &objects[i]
	}
	slices.SortFunc(ordered, func(a, b *coxswainv1alpha1.SchedulerProfile) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	owners := map[string]string{}
	inForce := map[string]*framework.Profile{}
	verdicts := map[types.UID]verdict{}
	remembered := map[types.UID]built{}
	for _, obj := range ordered {
		name := profile.NameOf(obj)
		if owner, taken := owners[name]; taken {
			verdicts[obj.UID] = verdict{reason: coxswainv1alpha1.ReasonNameTaken,
				message: fmt.Sprintf("schedulerName %q is that of profile %q, which is older", name, owner)}
			continue
		}
		owners[name] = obj.Name
		last, had := l.built[obj.UID]
		var err error
		if !had || last.generation != obj.Generation {
			var compiled *framework.Profile
			if compiled, err = l.compiler.Compile(profile.FromObject(obj)); err == nil {
				last, had = built{obj.Generation, compiled}, true
			}
		}
		if had && last.profile.SchedulerName == name {
			remembered[obj.UID] = last
			inForce[name] = last.profile
		}
		verdicts[obj.UID] = judge(name, err)
	}
	l.built = remembered
	return inForce, verdicts
}

func judge(name string, err error) verdict {
	if err == nil {
		return verdict{ready: true, reason: coxswainv1alpha1.ReasonApplied,
			message: fmt.Sprintf("pods with schedulerName %q are placed by this profile", name)}
	}
	v := verdict{reason: reasonInvalid, message: err.Error()}
	if unknown := (*profile.UnknownPluginError)(nil); errors.As(err, &unknown) {
		v.reason = coxswainv1alpha1.ReasonUnknownPlugin
	}
	return v
}

// writeStatus says what became of a profile, if it does not say so already.
func (l *live) writeStatus(ctx context.Context, obj *coxswainv1alpha1.SchedulerProfile, v verdict) error {
	next := obj.DeepCopy()
	next.Status.ObservedGeneration = obj.Generation
	condition := metav1.Condition{
		Type:               coxswainv1alpha1.ProfileReady,
		Status:             metav1.ConditionFalse,
		ObservedGeneration: obj.Generation,
		LastTransitionTime: metav1.NewTime(l.s.clock.Now()),
		Reason:             v.reason,
		Message:            v.message,
	}
	if v.ready {
		condition.Status = metav1.ConditionTrue
	}
	changed := meta.SetStatusCondition(&next.Status.Conditions, condition)
	if !changed && obj.Status.ObservedGeneration == obj.Generation {
		return nil
	}
	patch := client.MergeFromWithOptions(obj, client.MergeFromWithOptimisticLock{})
	err := l.s.manager.GetClient().Status().Patch(ctx, next, patch)
	if client.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) { // on conflict, the newer version is on its way
		return fmt.Errorf("writing the status of scheduler profile %s: %w", obj.Name, err)
	}
	return nil
}
