// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package fuzz

import (
	"bytes"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"coxswain.dev/coxswain/apiserver/quantities"
	"coxswain.dev/coxswain/test/fuzz/objects"
)

// FuzzDecode reads bodies of every kind in every media type that is served. What can be read can be written in every
// form, and in the form that is stored it stays the same from then on.
func FuzzDecode(f *testing.F) {
	all := load(f)
	media := all.Codecs.SupportedMediaTypes()
	for i, k := range all.Kinds {
		obj := k.New()
		if k.Example != nil {
			decoded, err := all.Decode(k, k.Example)
			if err != nil {
				f.Fatal(err)
			}
			obj = decoded
		} else {
			objects.Fill(obj, objects.NewSource(randomBytes(int64(i), 300)))
		}
		for m := range media {
			var body bytes.Buffer
			if err := all.Codecs.EncoderForVersion(media[m].Serializer, k.Version).Encode(obj, &body); err != nil {
				f.Logf("%s as %s: %v", k.GVK(), media[m].MediaType, err) // YAML has no way to write some characters
				continue
			}
			f.Add(uint16(i), uint8(m), body.Bytes())
		}
	}
	for m, body := range map[int]string{
		0: `{"kind":"Pod","apiVersion":"v1","spec":{"containers":[{"resources":{"limits":{"cpu":"1e2147483648"}}}]}}`,
		1: "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nmetadata: *c\n",
		2: "k8s\x00\n\x09\n\x02v1\x12\x03Pod\x12\xff\xff\xff\xff\x0f",
	} {
		f.Add(uint16(0), uint8(m), []byte(body))
	}
	f.Fuzz(func(t *testing.T, which uint16, m uint8, body []byte) {
		defer watchdog()()
		k := all.At(which)
		info := media[int(m)%len(media)]
		gvk := k.GVK()
		for _, serializer := range []runtime.Serializer{info.Serializer, info.StrictSerializer} {
			if serializer == nil {
				continue
			}
			obj, _, err := all.Codecs.DecoderToVersion(serializer, k.GroupVersion).Decode(body, &gvk, nil)
			if err != nil || obj == nil {
				continue
			}
			for _, other := range media {
				_ = all.Codecs.EncoderForVersion(other.Serializer, k.Version).Encode(obj, &bytes.Buffer{})
			}
			if len(quantities.Check(obj)) == 0 {
				storeTwice(t, all, obj)
			}
		}
	})
}

// storeTwice writes an object as it is stored, reads it, and writes that again.
func storeTwice(t *testing.T, all *objects.All, obj runtime.Object) {
	kinds, _, err := all.Scheme.ObjectKinds(obj)
	if err != nil {
		return
	}
	info, _ := runtime.SerializerInfoForMediaType(all.Codecs.SupportedMediaTypes(), runtime.ContentTypeProtobuf)
	codec := all.Codecs.CodecForVersions(info.Serializer, all.Codecs.UniversalDeserializer(), kinds[0].GroupVersion(), kinds[0].GroupVersion())
	first, err := runtime.Encode(codec, obj)
	if err != nil {
		return // no kind that is stored
	}
	read, err := runtime.Decode(codec, first)
	if err != nil {
		t.Fatalf("what was stored of a %s cannot be read: %v", kinds[0], err)
	}
	second, err := runtime.Encode(codec, read)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Errorf("a %s is stored differently the second time:\n%q\n%q", kinds[0], first, second)
	}
}
