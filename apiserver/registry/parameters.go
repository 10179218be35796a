// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// addParameters lets the query of a request be read as the options of a subresource (kubectl logs --tail=3 becomes
// ?tailLines=3 becomes PodLogOptions), which k8s.io/api has types for but no conversions.
func addParameters(scheme *runtime.Scheme) error {
	options := []runtime.Object{
		&corev1.PodLogOptions{}, &corev1.PodExecOptions{}, &corev1.PodAttachOptions{}, &corev1.PodPortForwardOptions{},
		&corev1.PodProxyOptions{}, &corev1.ServiceProxyOptions{}, &corev1.NodeProxyOptions{},
	}
	for _, o := range options {
		if !scheme.Recognizes(schema.GroupVersionKind{Version: "v1", Kind: reflect.TypeOf(o).Elem().Name()}) {
			continue
		}
		err := scheme.AddConversionFunc((*url.Values)(nil), o, func(in, out any, _ conversion.Scope) error {
			return fillFromQuery(*in.(*url.Values), reflect.ValueOf(out).Elem())
		})
		if err != nil {
			return fmt.Errorf("registering query conversion of %T: %w", o, err)
		}
	}
	return nil
}

// fillFromQuery sets the fields of the struct out whose JSON names occur in values. As Kubernetes does, it reads a
// boolean parameter without a value as true.
func fillFromQuery(values url.Values, out reflect.Value) error {
	for i := range out.NumField() {
		name := jsonName(out.Type().Field(i))
		given, ok := values[name]
		if name == "" || !ok || len(given) == 0 {
			continue
		}
		if err := setFromQuery(out.Field(i), given); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func setFromQuery(target reflect.Value, given []string) error {
	if target.Kind() == reflect.Slice {
		slice := reflect.MakeSlice(target.Type(), len(given), len(given))
		for i := range given {
			if err := setFromQuery(slice.Index(i), given[i:i+1]); err != nil {
				return err
			}
		}
		target.Set(slice)
		return nil
	}
	first := given[0]
	if target.Kind() == reflect.Pointer {
		if first == "" {
			return nil
		}
		value := reflect.New(target.Type().Elem())
		if err := setFromQuery(value.Elem(), given); err != nil {
			return err
		}
		target.Set(value)
		return nil
	}
	if target.Type() == reflect.TypeFor[metav1.Time]() {
		at, err := time.Parse(time.RFC3339, first)
		if err != nil {
			return err
		}
		target.Set(reflect.ValueOf(metav1.NewTime(at)))
		return nil
	}
	switch target.Kind() {
	case reflect.String:
		target.SetString(first)
	case reflect.Bool:
		target.SetBool(first == "" || (first != "0" && first != "false" && first != "False" && first != "FALSE"))
	case reflect.Int, reflect.Int32, reflect.Int64:
		number, err := strconv.ParseInt(first, 10, target.Type().Bits())
		if err != nil {
			return err
		}
		target.SetInt(number)
	default:
		return fmt.Errorf("no conversion to %s", target.Type())
	}
	return nil
}
