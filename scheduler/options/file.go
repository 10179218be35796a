// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"

	"coxswain.dev/coxswain/scheduler/framework"
	"coxswain.dev/coxswain/scheduler/plugins"
	"coxswain.dev/coxswain/scheduler/profile"
)

// decode reads a KubeSchedulerConfiguration and says everything that is wrong with it.
func decode(data []byte) (*schedulerv1.KubeSchedulerConfiguration, error) {
	scheme := runtime.NewScheme()
	if err := schedulerv1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	obj, kind, err := codecs.UniversalDeserializer().Decode(data, nil, nil)
	if err != nil {
		return nil, err
	}
	file, ok := obj.(*schedulerv1.KubeSchedulerConfiguration)
	if !ok {
		return nil, fmt.Errorf("it holds a %s, not a KubeSchedulerConfiguration", kind.Kind)
	}
	return file, validate(file)
}

func validate(file *schedulerv1.KubeSchedulerConfiguration) error {
	var errs []error
	if p := file.Parallelism; p != nil && *p <= 0 {
		errs = append(errs, fmt.Errorf("parallelism: %d: must be greater than 0", *p))
	}
	errs = append(errs, validatePercentage("percentageOfNodesToScore", file.PercentageOfNodesToScore))
	initial, most := seconds(file.PodInitialBackoffSeconds), seconds(file.PodMaxBackoffSeconds)
	if file.PodInitialBackoffSeconds != nil && initial <= 0 {
		errs = append(errs, fmt.Errorf("podInitialBackoffSeconds: %d: must be greater than 0", *file.PodInitialBackoffSeconds))
	}
	if file.PodMaxBackoffSeconds != nil && most < max(initial, time.Second) {
		errs = append(errs, fmt.Errorf("podMaxBackoffSeconds: %d: must not be less than podInitialBackoffSeconds", *file.PodMaxBackoffSeconds))
	}
	if len(file.Extenders) > 0 {
		errs = append(errs, errors.New("extenders: not supported by this scheduler"))
	}
	// Built without a client, for what it says: scheduler.New builds the profiles that are used.
	compiler := profile.Compiler{Registry: plugins.All(), Handle: framework.Handle{}}
	for i := range file.Profiles {
		errs = append(errs, validatePercentage(fmt.Sprintf("profiles[%d].percentageOfNodesToScore", i), file.Profiles[i].PercentageOfNodesToScore))
		if _, err := compiler.Compile(&file.Profiles[i]); err != nil {
			errs = append(errs, fmt.Errorf("profiles[%d]: %s", i, strings.ReplaceAll(err.Error(), "\n", "; ")))
		}
	}
	return errors.Join(errs...)
}

// validatePercentage checks a number that has no effect here: all nodes are always looked at, which costs little as
// results are kept by shape. Files written for kube-scheduler may have it.
func validatePercentage(path string, value *int32) error {
	if value != nil && (*value < 0 || *value > 100) {
		return fmt.Errorf("%s: %d: must be from 0 to 100", path, *value)
	}
	return nil
}

func seconds(n *int64) time.Duration {
	if n == nil {
		return 0
	}
	return time.Duration(*n) * time.Second
}
