// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"math"
	"reflect"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	// maxChanges is how many places of an object change at once.
	maxChanges = 6
	// maxDepth is how deep new values are; types may be inside of themselves.
	maxDepth = 12
)

// words are texts that mean something somewhere.
var words = []string{
	"", "a", "web", "default", "kube-system", "None", "Always", "Never", "OnFailure", "TCP", "UDP", "SCTP", "IPv4", "IPv6", "true", "False",
	"Unknown", "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "NoSchedule", "NoExecute", "ClusterIP", "NodePort", "LoadBalancer", "ExternalName",
	"RollingUpdate", "Recreate", "Utilization", "Value", "AverageValue", "Resource", "Pods", "Object", "External", "ContainerResource", "Percent",
	"Memory", "HugePages", "File", "Directory", "Retain", "Delete", "ReadWriteOnce", "ReadOnlyMany", "Block", "Filesystem", "SingleStack",
	"PreferDualStack", "RequireDualStack", "Local", "Cluster", "Max", "Min", "Disabled", "cpu", "memory", "pods", "hugepages-2Mi",
	"hugepages-0", "hugepages-", "requests.cpu", "count/", "count/pods.", "example.com/card", "attachable-volumes-x", "kubernetes.io/x", "limits.cpu",
	"0", "-1", "1", "65536", "100%", "-5%", "999999999999%", "%", "10.0.0.1", "10.96.0.1", "10.96.0.2", "10.245.0.1", "0.0.0.0", "255.255.255.255", "::1", "fd00::1", "::ffff:1.2.3.4",
	"10.0.0.0/8", "0.0.0.0/0", "::/0", "10.0.0.1/33", "1.2.3.4/", "127.0.0.1", "169.254.169.254", "metadata.name", "metadata.labels['a']",
	"metadata.annotations['']", "metadata.labels[", "status.podIP", "spec.nodeName", "limits.hugepages-x", "$(A)", "$($(A))", "$", "$(", "$$(A)",
	"../..", "/", "a/b/c/d", "/dev/..", "..2026", "a\x00b", "\xff\xfe", "…", "A", "a.b", "-a", "a-", "_", "a..b", "*", "!a", "a=b,c", "a in (b",
	"kubernetes.io/tls", "kubernetes.io/dockerconfigjson", "kubernetes.io/service-account-token", "system:masters", "system:node:n1",
	"kubernetes.io/kube-apiserver-client", "kubernetes.io/kubelet-serving", "client auth", "any", "2026-01-02T03:04:05Z", "9999999999",
}

// numbers are where integers go wrong.
var numbers = []int64{
	0, 1, -1, 2, 10, 80, 100, 101, 255, 420, 511, 512, 1000, 32767, 32768, 65535, 65536, 86400, 1 << 20, math.MaxInt32 - 1, math.MaxInt32, math.MinInt32,
	math.MaxInt32 + 1, 4294967295, 4294967296, math.MaxInt64, math.MinInt64, math.MaxInt64 / 1000, -2, -100,
}

// quantityTexts are quantities that can be read, with the ones that were trouble.
var quantityTexts = []string{
	"0", "1", "-1", "100m", "1n", "0.1n", "1500m", "1.5", "1Gi", "1.5Gi", "1Ei", "8Ei", "9223372036854775807", "-9223372036854775808", "1E", "10E",
	"1e3", "1e30", "1e100", "1e101", "-1e100", "1e2147483647", "1e2147483648", "1e-2147483648", "0e2147483647", "0e-2147483647", "1e4294967296",
	"12345678901234567890123", "0.000000000000000000000001", "1Mi", "3", "2Mi",
}

// Mutate changes some places of obj, a pointer to a struct, as src decides.
func Mutate(obj runtime.Object, src *Source) {
	for range 1 + src.Int(maxChanges) {
		mutate(reflect.ValueOf(obj).Elem(), src, 0)
		if src.Empty() {
			return
		}
	}
}

// Fill sets the fields of obj, a pointer to a struct, as src decides; most stay empty.
func Fill(obj runtime.Object, src *Source) {
	fill(reflect.ValueOf(obj).Elem(), src, 0)
}

// mutate goes down to some place and changes what is there.
func mutate(v reflect.Value, src *Source, depth int) {
	if known(v, src) || depth > maxDepth {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		switch {
		case v.IsNil():
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), src, depth+1)
		case src.Int(8) == 7:
			v.SetZero()
		default:
			mutate(v.Elem(), src, depth) // a pointer is no level of its own
		}
	case reflect.Struct:
		if fields := exported(v); len(fields) > 0 {
			if src.Int(16) == 15 {
				v.SetZero()
				fill(v, src, depth+1)
				return
			}
			mutate(fields[src.Int(len(fields))], src, depth+1)
		}
	case reflect.Slice:
		mutateSlice(v, src, depth)
	case reflect.Map:
		mutateMap(v, src, depth)
	default:
		scalar(v, src)
	}
}

func mutateSlice(v reflect.Value, src *Source, depth int) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		v.SetBytes([]byte(src.Text()))
		return
	}
	switch choice := src.Int(8); {
	case choice < 4 && v.Len() > 0:
		mutate(v.Index(src.Int(v.Len())), src, depth+1)
	case choice == 4 && v.Len() > 0: // the same twice
		v.Set(reflect.Append(v, v.Index(src.Int(v.Len()))))
	case choice == 5 && v.Len() > 0:
		i := src.Int(v.Len())
		v.Set(reflect.AppendSlice(v.Slice3(0, i, i), v.Slice(i+1, v.Len())))
	case choice == 6:
		v.SetZero()
	default:
		element := reflect.New(v.Type().Elem()).Elem()
		fill(element, src, depth+1)
		v.Set(reflect.Append(v, element))
	}
}

func mutateMap(v reflect.Value, src *Source, depth int) {
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	key, element := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
	keys := v.MapKeys()
	switch choice := src.Int(8); {
	case choice < 3 && len(keys) > 0:
		// The order of keys is not the fuzzer's, and a finding must be the same next time: take the smallest.
		key = keys[0]
		for _, k := range keys[1:] {
			if k.String() < key.String() {
				key = k
			}
		}
		element.Set(v.MapIndex(key))
		mutate(element, src, depth+1)
	case choice == 3:
		v.SetZero()
		return
	default:
		fill(key, src, depth+1)
		fill(element, src, depth+1)
	}
	v.SetMapIndex(key, element)
}

// fill makes a new value.
func fill(v reflect.Value, src *Source, depth int) {
	if known(v, src) || depth > maxDepth || src.Empty() {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if src.Int(2) == 1 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), src, depth+1)
		}
	case reflect.Struct:
		for _, f := range exported(v) {
			if src.Int(3) != 0 || f.Kind() == reflect.String {
				fill(f, src, depth+1)
			}
		}
	case reflect.Slice:
		for range src.Int(4) {
			mutateSlice(v, src, depth+1)
		}
	case reflect.Map:
		for range src.Int(4) {
			mutateMap(v, src, depth+1)
		}
	default:
		scalar(v, src)
	}
}

// known makes values of types whose insides are nobody's business.
func known(v reflect.Value, src *Source) bool {
	if !v.CanSet() {
		return true
	}
	switch v.Interface().(type) {
	case resource.Quantity:
		q, err := resource.ParseQuantity(quantityTexts[src.Int(len(quantityTexts))])
		if err == nil {
			v.Set(reflect.ValueOf(q))
		}
	case metav1.Time:
		v.Set(reflect.ValueOf(metav1.NewTime(moment(src))))
	case metav1.MicroTime:
		v.Set(reflect.ValueOf(metav1.NewMicroTime(moment(src))))
	case metav1.Duration:
		v.Set(reflect.ValueOf(metav1.Duration{Duration: time.Duration(number(src))}))
	case intstr.IntOrString:
		if src.Int(2) == 0 {
			v.Set(reflect.ValueOf(intstr.FromInt32(int32(number(src)))))
		} else {
			v.Set(reflect.ValueOf(intstr.FromString(text(src))))
		}
	case runtime.RawExtension:
		v.Set(reflect.ValueOf(runtime.RawExtension{Raw: []byte(`{"a":` + string(rune('0'+src.Int(10))) + `}`)}))
	case metav1.FieldsV1:
		v.Set(reflect.ValueOf(metav1.FieldsV1{Raw: []byte(src.Text())}))
	default:
		return false
	}
	return true
}

func moment(src *Source) time.Time {
	return time.Unix(int64(src.Int(1<<16))<<16, int64(src.Int(1000))*1000).UTC()
}

func exported(v reflect.Value) []reflect.Value {
	var fields []reflect.Value
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() {
			fields = append(fields, v.Field(i))
		}
	}
	return fields
}

func scalar(v reflect.Value, src *Source) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(src.Int(2) == 1)
	case reflect.String:
		v.SetString(text(src))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(number(src))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(number(src)))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(number(src)) / 3)
	}
}

func number(src *Source) int64 {
	if src.Int(2) == 0 {
		return numbers[src.Int(len(numbers))]
	}
	return int64(src.Int(1<<16)) - 1<<8
}

func text(src *Source) string {
	switch src.Int(4) {
	case 0, 1:
		return words[src.Int(len(words))]
	case 2:
		return words[src.Int(len(words))] + words[src.Int(len(words))]
	default:
		return src.Text()
	}
}
