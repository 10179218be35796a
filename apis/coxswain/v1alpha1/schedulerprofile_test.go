// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"context"
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"coxswain.dev/coxswain/apis/coxswain/v1alpha1"
	"coxswain.dev/coxswain/apis/internal/meta/metatest"
	"coxswain.dev/coxswain/config/crd"
)

// checker does to an object what the API server does to one of ours: defaults, unknown fields, schema, CEL.
type checker struct {
	structural *structuralschema.Structural
	schema     validation.SchemaValidator
	cel        *cel.Validator
}

func newChecker(t *testing.T) checker {
	t.Helper()
	definitions, err := crd.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, definition := range definitions {
		if definition.Spec.Names.Kind != "SchedulerProfile" {
			continue
		}
		props := &apiextensions.JSONSchemaProps{}
		if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
			definition.Spec.Versions[0].Schema.OpenAPIV3Schema, props, nil); err != nil {
			t.Fatal(err)
		}
		structural, err := structuralschema.NewStructural(props)
		if err != nil {
			t.Fatal(err)
		}
		validator, _, err := validation.NewSchemaValidator(props)
		if err != nil {
			t.Fatal(err)
		}
		return checker{structural, validator, cel.NewValidator(structural, true, celconfig.PerCallLimit)}
	}
	t.Fatal("no definition of SchedulerProfile is embedded")
	return checker{}
}

// check returns the object with its defaults, and what is wrong with it.
func (c checker) check(t *testing.T, text string) (*v1alpha1.SchedulerProfile, field.ErrorList) {
	t.Helper()
	var obj map[string]any
	if err := yaml.Unmarshal([]byte(text), &obj); err != nil {
		t.Fatal(err)
	}
	var errs field.ErrorList
	for _, path := range pruning.PruneWithOptions(obj, c.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}) {
		errs = append(errs, field.Forbidden(field.NewPath(path), "unknown field"))
	}
	defaulting.Default(obj, c.structural)
	errs = append(errs, validation.ValidateCustomResource(nil, obj, c.schema)...)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, c.structural, obj)...)
	wrong, _ := c.cel.Validate(context.Background(), nil, c.structural, obj, nil, celconfig.RuntimeCELCostBudget)
	errs = append(errs, wrong...)
	data, err := json.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	profile := &v1alpha1.SchedulerProfile{}
	if len(errs) == 0 {
		if err := json.Unmarshal(data, profile); err != nil {
			t.Fatal(err)
		}
	}
	return profile, errs
}

func TestDefinitionsAreValid(t *testing.T) {
	definitions, err := crd.All()
	if err != nil {
		t.Fatal(err)
	}
	if len(definitions) == 0 {
		t.Fatal("no definitions are embedded")
	}
	for _, definition := range definitions {
		apiextensionsv1.SetDefaults_CustomResourceDefinition(definition)
		apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&definition.Spec)
		internal := &apiextensions.CustomResourceDefinition{}
		if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(definition, internal, nil); err != nil {
			t.Fatal(err)
		}
		internal.Status.StoredVersions = []string{definition.Spec.Versions[0].Name}
		metatest.CheckErrors(t, crdvalidation.ValidateCustomResourceDefinition(context.Background(), internal))
	}
}

func TestProfileDefaults(t *testing.T) {
	c := newChecker(t)
	profile, errs := c.check(t, `{apiVersion: coxswain.dev/v1alpha1, kind: SchedulerProfile, metadata: {name: a}}`)
	metatest.CheckErrors(t, errs)
	if profile.Spec.SchedulerName != v1alpha1.DefaultSchedulerName {
		t.Errorf("scheduler name %q", profile.Spec.SchedulerName)
	}
	profile, errs = c.check(t, `{spec: {plugins: {score: {enabled: [{name: NodeAffinity}]}}}}`)
	metatest.CheckErrors(t, errs)
	if weight := profile.Spec.Plugins.Score.Enabled[0].Weight; weight != 1 {
		t.Errorf("weight %d", weight)
	}
}

func TestProfileRules(t *testing.T) {
	c := newChecker(t)
	for name, test := range map[string]struct {
		spec string
		want []string
	}{
		"nothing chosen": {spec: `{}`},
		"everything off but one, and that heavier": {
			spec: `{plugins: {filter: {disabled: [{name: "*"}], enabled: [{name: NodeName}]}, score: {disabled: [{name: "*"}], enabled: [{name: NodeAffinity, weight: 3}]}}}`},
		"a nameless scheduler": {
			`{schedulerName: ""}`, []string{`spec.schedulerName: Invalid value: "": spec.schedulerName in body should be at least 1 chars long`}},
		"more than all nodes": {
			`{percentageOfNodesToScore: 101}`, []string{`spec.percentageOfNodesToScore: Invalid value: 101: spec.percentageOfNodesToScore in body should be less than or equal to 100`}},
		"a weightless score": {
			`{plugins: {score: {enabled: [{name: NodeAffinity, weight: 0}]}}}`,
			[]string{`spec.plugins.score.enabled[0].weight: Invalid value: 0: spec.plugins.score.enabled[0].weight in body should be greater than or equal to 1`}},
		"a plugin twice": {
			`{plugins: {filter: {disabled: [{name: NodePorts}, {name: NodePorts}]}}}`,
			[]string{`spec.plugins.filter.disabled[1]: Duplicate value: {"name":"NodePorts"}`}},
		"everything on": {
			`{plugins: {filter: {enabled: [{name: "*"}]}}}`,
			[]string{`spec.plugins.filter.enabled[0].name: Invalid value: "*": "*" can only be disabled`}},
		"a filter with a weight": {
			`{plugins: {filter: {enabled: [{name: NodePorts, weight: 2}]}}}`,
			[]string{`spec.plugins.filter.enabled[0].weight: Forbidden: unknown field`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, errs := c.check(t, `{apiVersion: coxswain.dev/v1alpha1, kind: SchedulerProfile, metadata: {name: a}, spec: `+test.spec+`}`)
			metatest.CheckErrors(t, errs, test.want...)
		})
	}
}

func TestSample(t *testing.T) {
	text, err := os.ReadFile("../../../config/samples/schedulerprofile.yaml")
	if err != nil {
		t.Fatal(err)
	}
	profile, errs := newChecker(t).check(t, string(text))
	metatest.CheckErrors(t, errs)
	want := &v1alpha1.SchedulerProfile{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "SchedulerProfile"},
		ObjectMeta: metav1.ObjectMeta{Name: "close-by"},
		Spec: v1alpha1.SchedulerProfileSpec{
			SchedulerName:            "close-by",
			PercentageOfNodesToScore: ptr.To[int32](100),
			Plugins: &v1alpha1.Plugins{Score: &v1alpha1.ScorePlugins{
				Disabled: []v1alpha1.DisabledPlugin{{Name: "NodeResourcesBalancedAllocation"}},
				Enabled:  []v1alpha1.ScorePlugin{{Name: "NodeAffinity", Weight: 5}},
			}},
		},
	}
	if diff := cmp.Diff(want, profile); diff != "" {
		t.Errorf("sample (-want +got):\n%s", diff)
	}
}
