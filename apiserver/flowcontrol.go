// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"slices"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	utilflowcontrol "k8s.io/apiserver/pkg/util/flowcontrol"
	"k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing/eventclock"
	"k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing/queueset"
	"k8s.io/apiserver/pkg/util/flowcontrol/metrics"

	"coxswain.dev/coxswain/apiserver/bootstrap"
	"coxswain.dev/coxswain/apiserver/flowcontrol"
)

// prioritize puts priority and fairness in the place of the two limits on requests in flight, which add up to the seats
// that it shares out. What it goes by is read through informers once the default objects are stored; until then every
// request is in one of the two levels that are always there (exempt, catch-all), so nothing waits for the configuration.
func (b *builder) prioritize() error {
	schemas := b.kinds.store(schema.GroupResource{Group: flowcontrolv1.GroupName, Resource: "flowschemas"})
	if b.config.Limits.NoPriorityAndFairness || schemas == nil {
		return nil
	}
	schemas.CreateStrategy = bootstrap.MarkFlowSchemas(schemas.CreateStrategy, b.config.Clock)
	clock := eventclock.Real{} // its timers are those of seats that linger; nothing of it is to be stepped
	controller := utilflowcontrol.NewTestable(utilflowcontrol.TestableConfig{
		// All as the library's own constructor has it, but for the queue sets.
		Name:                   "Controller",
		Clock:                  clock,
		AsFieldManager:         utilflowcontrol.ConfigConsumerAsFieldManager,
		FoundToDangling:        func(found bool) bool { return !found },
		InformerFactory:        b.informers,
		FlowcontrolClient:      b.client.FlowcontrolV1(),
		ServerConcurrencyLimit: b.generic.MaxRequestsInFlight + b.generic.MaxMutatingRequestsInFlight,
		ReqsGaugeVec:           metrics.PriorityLevelConcurrencyGaugeVec,
		ExecSeatsGaugeVec:      metrics.PriorityLevelExecutionSeatsGaugeVec,
		QueueSetFactory:        flowcontrol.NewQueueSetFactory(queueset.NewQueueSetFactory(clock), clock),
	})
	b.generic.FlowControl = flowcontrol.NewController(flowcontrol.Config{Controller: controller, Await: b.awaitLevels()})
	return nil
}

// awaitLevels returns a function that waits until the default objects are stored, and the informer knows of their levels.
// Before that, schemas would seem to refer to levels that are not there; the controller would write this into each of them,
// and the opposite right after. Objects may come late, so the function waits for the levels no longer than a few seconds.
func (b *builder) awaitLevels() func(ctx context.Context) {
	stored := b.parts[slices.IndexFunc(b.parts, func(p part) bool { return p.name == "bootstrap" })].ready
	levels := b.informers.Flowcontrol().V1().PriorityLevelConfigurations().Lister()
	return func(ctx context.Context) {
		select {
		case <-stored:
		case <-ctx.Done():
		}
		_ = wait.PollUntilContextTimeout(ctx, levelPoll, levelTimeout, true, func(context.Context) (bool, error) {
			for _, name := range bootstrap.LevelNames() {
				if _, err := levels.Get(name); err != nil {
					return false, nil
				}
			}
			return true, nil
		})
	}
}

const levelPoll, levelTimeout = 10 * time.Millisecond, 5 * time.Second
