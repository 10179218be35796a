// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilflowcontrol "k8s.io/apiserver/pkg/util/flowcontrol"
	"k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing/eventclock"
	"k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing/queueset"
	"k8s.io/apiserver/pkg/util/flowcontrol/metrics"

	"coxswain.dev/coxswain/apiserver/flowcontrol"
)

// prioritize puts priority and fairness in the place of the two limits on requests in flight, which add up to the seats
// that it shares out. What it goes by is read through informers; until those are filled every request is in one of the
// two levels that are always there (exempt, catch-all), so nothing waits for the configuration. Status conditions of
// FlowSchemas are written through the server's own client.
func (b *builder) prioritize() error {
	configured := b.kinds.store(schema.GroupResource{Group: flowcontrolv1.GroupName, Resource: "flowschemas"}) != nil
	if b.config.Limits.NoPriorityAndFairness || !configured {
		return nil
	}
	clock := eventclock.Real{} // its timers are those of seats that linger; nothing of it is to be stepped
	b.generic.FlowControl = flowcontrol.WithBufferedDumps(utilflowcontrol.NewTestable(utilflowcontrol.TestableConfig{
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
	}))
	return nil
}
