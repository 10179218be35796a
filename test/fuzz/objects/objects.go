// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"

	"coxswain.dev/coxswain/apis"
	"coxswain.dev/coxswain/apis/kind"
	"coxswain.dev/coxswain/apiserver/registry"
)

//go:embed examples/*.yaml
var files embed.FS

// Kind is a kind in one of its versions.
type Kind struct {
	*kind.Description
	// Version is the hub's, or that of one of Also, whose functions are in Converted; that is nil for the hub.
	Version   schema.GroupVersion
	Converted *kind.Version
	// Example is a valid object in JSON, of the hub version; nil when there is none.
	Example []byte
}

// New makes an empty object of the version.
func (k Kind) New() runtime.Object {
	if k.Converted != nil {
		return k.Converted.New()
	}
	return k.Description.New()
}

// GVK is the version's.
func (k Kind) GVK() schema.GroupVersionKind { return k.Version.WithKind(k.Names.Kind) }

// Path is where objects are created, in a namespace of the given name if the kind has namespaces.
func (k Kind) Path(namespace string) string {
	p := "/apis/" + k.Version.String()
	if k.Version.Group == "" {
		p = "/api/" + k.Version.Version
	}
	if k.Scope == kind.Namespaced {
		p = path.Join(p, "namespaces", namespace)
	}
	return path.Join(p, k.Names.Plural)
}

// Name is the example's, "web" without one.
func (k Kind) Name() string {
	var example struct {
		Metadata struct{ Name string }
	}
	if json.Unmarshal(k.Example, &example) != nil || example.Metadata.Name == "" {
		return "web"
	}
	return example.Metadata.Name
}

// All are the kinds of apis.Groups in all of their versions, with the scheme and the codecs of the API server.
type All struct {
	Kinds  []Kind
	Scheme *runtime.Scheme
	Codecs serializer.CodecFactory
}

// Load reads the examples; an error is one of this tree.
func Load() (*All, error) {
	scheme, err := registry.NewScheme(apis.Groups())
	if err != nil {
		return nil, err
	}
	all := &All{Scheme: scheme, Codecs: serializer.NewCodecFactory(scheme)}
	examples, err := readExamples()
	if err != nil {
		return nil, err
	}
	for _, group := range apis.Groups() {
		for _, k := range group.Kinds {
			d := k.Describe()
			example := examples[d.GroupVersionKind()]
			delete(examples, d.GroupVersionKind())
			all.Kinds = append(all.Kinds, Kind{Description: d, Version: d.GroupVersion, Example: example})
			for _, version := range d.Also {
				all.Kinds = append(all.Kinds, Kind{Description: d, Version: version.GroupVersion, Converted: &version})
			}
		}
	}
	for gvk := range examples {
		return nil, fmt.Errorf("there is an example of %s, which is no hub version", gvk)
	}
	return all, nil
}

// At chooses a kind by any number.
func (a *All) At(i uint16) Kind { return a.Kinds[int(i)%len(a.Kinds)] }

// Decode reads JSON as a request's body of the kind is read: defaults are set, and it becomes the hub version.
func (a *All) Decode(k Kind, data []byte) (runtime.Object, error) {
	gvk := k.GVK()
	json, _ := runtime.SerializerInfoForMediaType(a.Codecs.SupportedMediaTypes(), runtime.ContentTypeJSON)
	obj, _, err := a.Codecs.DecoderToVersion(json.Serializer, k.GroupVersion).Decode(data, &gvk, nil)
	return obj, err
}

func readExamples() (map[schema.GroupVersionKind][]byte, error) {
	names, err := fs.Glob(files, "examples/*.yaml")
	if err != nil {
		return nil, err
	}
	examples := map[schema.GroupVersionKind][]byte{}
	for _, name := range names {
		data, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if data, err = yaml.YAMLToJSONStrict(data); err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		var is struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal(data, &is); err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		examples[schema.FromAPIVersionAndKind(is.APIVersion, is.Kind)] = data
	}
	return examples, nil
}
