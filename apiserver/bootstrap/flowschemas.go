// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/user"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/apiserver/bootstrap/policy"
)

// ownSchemas are for the components that Kubernetes does not have, or has as service accounts of kube-system. Without
// them they would be among everybody else, in the level global-default. Each is a flow of its own.
//
// Nodes that are only simulated share an identity; what it does goes where real nodes' requests go.
func ownSchemas() []*flowcontrolv1.FlowSchema {
	components := users(policy.Proxy, policy.Endpoints, policy.Informers, policy.Installer)
	nodes := users(policy.SimulatedNodes)
	health := []flowcontrolv1.ResourcePolicyRule{
		{Verbs: every(), APIGroups: []string{corev1.GroupName}, Resources: []string{"nodes", "nodes/status"}, ClusterScope: true, Namespaces: every()},
		{Verbs: every(), APIGroups: []string{coordinationv1.GroupName}, Resources: []string{"leases"}, Namespaces: every()},
	}
	return []*flowcontrolv1.FlowSchema{
		ownSchema("coxswain-components", "workload-high", 800, everything(components)),
		ownSchema("coxswain-simulated-node-high", "node-high", 400, flowcontrolv1.PolicyRulesWithSubjects{Subjects: nodes, ResourceRules: health}),
		ownSchema("coxswain-simulated-nodes", "system", 500, everything(nodes)),
	}
}

func ownSchema(name, level string, precedence int32, rules flowcontrolv1.PolicyRulesWithSubjects) *flowcontrolv1.FlowSchema {
	return &flowcontrolv1.FlowSchema{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{flowcontrolv1.AutoUpdateAnnotationKey: "true"}},
		Spec: flowcontrolv1.FlowSchemaSpec{
			PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: level},
			MatchingPrecedence:         precedence,
			DistinguisherMethod:        &flowcontrolv1.FlowDistinguisherMethod{Type: flowcontrolv1.FlowDistinguisherMethodByUserType},
			Rules:                      []flowcontrolv1.PolicyRulesWithSubjects{rules},
		},
	}
}

func everything(subjects []flowcontrolv1.Subject) flowcontrolv1.PolicyRulesWithSubjects {
	return flowcontrolv1.PolicyRulesWithSubjects{
		Subjects: subjects,
		ResourceRules: []flowcontrolv1.ResourcePolicyRule{
			{Verbs: every(), APIGroups: every(), Resources: every(), Namespaces: every(), ClusterScope: true},
		},
		NonResourceRules: []flowcontrolv1.NonResourcePolicyRule{{Verbs: every(), NonResourceURLs: every()}},
	}
}

func every() []string { return []string{"*"} }

func users(names ...string) []flowcontrolv1.Subject {
	var subjects []flowcontrolv1.Subject
	for _, name := range names {
		subjects = append(subjects, flowcontrolv1.Subject{
			Kind: flowcontrolv1.SubjectKindUser, User: &flowcontrolv1.UserSubject{Name: name},
		})
	}
	return subjects
}

// MarkFlowSchemas returns the strategy for creating FlowSchemas, by which the default ones are stored with the condition that
// the controller of priority and fairness would write into each of them right after: that their level is there. A server
// with an empty store has enough to do. What others create is left to the controller.
func MarkFlowSchemas(strategy rest.RESTCreateStrategy, clock clock.PassiveClock) rest.RESTCreateStrategy {
	return marking{RESTCreateStrategy: strategy, clock: clock}
}

type marking struct {
	rest.RESTCreateStrategy
	clock clock.PassiveClock
}

// PrepareForCreate implements rest.RESTCreateStrategy.
func (m marking) PrepareForCreate(ctx context.Context, obj runtime.Object) {
	m.RESTCreateStrategy.PrepareForCreate(ctx, obj)
	schema, ok := obj.(*flowcontrolv1.FlowSchema)
	if who, known := genericapirequest.UserFrom(ctx); !ok || !known || who.GetName() != user.APIServerUser {
		return
	}
	schema.Status.Conditions = []flowcontrolv1.FlowSchemaCondition{{
		Type: flowcontrolv1.FlowSchemaConditionDangling, Status: flowcontrolv1.ConditionFalse,
		LastTransitionTime: metav1.NewTime(m.clock.Now()), Reason: "Found",
		Message: fmt.Sprintf("This FlowSchema references the PriorityLevelConfiguration object named %q and it exists",
			schema.Spec.PriorityLevelConfiguration.Name),
	}}
}
