// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
)

// member is a file of an archive that a test writes; with a target, it is a link.
type member struct {
	name, content, target string
}

func tarOf(t testing.TB, members ...member) []byte {
	t.Helper()
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	for _, m := range members {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: m.name, Mode: 0o644, Size: int64(len(m.content))}
		if m.target != "" {
			header = &tar.Header{Typeflag: tar.TypeSymlink, Name: m.name, Linkname: m.target}
		}
		if err := writer.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(writer, m.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func hashOf(content string) v1.Hash {
	digest, _, err := v1.SHA256(strings.NewReader(content))
	if err != nil {
		panic(err) // reading from memory
	}
	return digest
}

func jsonOf(t testing.TB, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var buffer bytes.Buffer
	writer := gzip.NewWriter(&buffer)
	if _, err := writer.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func zstandard(t testing.TB, data []byte) []byte {
	t.Helper()
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return encoder.EncodeAll(data, nil)
}

func configOf(t testing.TB, architecture string, layers ...string) string {
	t.Helper()
	config := v1.ConfigFile{OS: "linux", Architecture: architecture, RootFS: v1.RootFS{Type: "layers"}}
	for _, layer := range layers {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, hashOf(layer))
	}
	return jsonOf(t, config)
}

// dockerArchive is what docker save wrote before it wrote layouts: one layer twice, the second time as a link.
func dockerArchive(t testing.TB, tags ...string) []byte {
	t.Helper()
	return tarOf(t,
		member{name: "aa/layer.tar", content: "first layer"},
		member{name: "bb/layer.tar", target: "../aa/layer.tar"},
		member{name: "config.json", content: configOf(t, runtime.GOARCH, "first layer", "first layer")},
		member{name: "manifest.json", content: jsonOf(t, []dockerEntry{{Config: "config.json", RepoTags: tags, Layers: []string{"aa/layer.tar", "bb/layer.tar"}}})},
	)
}

// layoutArchive is an OCI layout with one image for each architecture, below an index; with its provenance, as buildx
// writes it.
func layoutArchive(t testing.TB, annotations map[string]string, architectures ...string) []byte {
	t.Helper()
	var members []member
	add := func(mediaType types.MediaType, content string) v1.Descriptor {
		digest := hashOf(content)
		members = append(members, member{name: blobPath(digest), content: content})
		return v1.Descriptor{MediaType: mediaType, Digest: digest, Size: int64(len(content))}
	}
	list := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	for _, architecture := range architectures {
		layer := add(types.OCIUncompressedLayer, "layer for "+architecture)
		manifest := v1.Manifest{
			SchemaVersion: 2, MediaType: types.OCIManifestSchema1,
			Config: add(types.OCIConfigJSON, configOf(t, architecture, "layer for "+architecture)), Layers: []v1.Descriptor{layer},
		}
		descriptor := add(types.OCIManifestSchema1, jsonOf(t, manifest))
		descriptor.Platform = &v1.Platform{OS: "linux", Architecture: architecture}
		list.Manifests = append(list.Manifests, descriptor)
	}
	provenance := add(types.OCIManifestSchema1, "not even JSON")
	provenance.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
	list.Manifests = append([]v1.Descriptor{provenance}, list.Manifests...)
	descriptor := add(types.OCIImageIndex, jsonOf(t, list))
	descriptor.Annotations = annotations
	members = append(members,
		member{name: "oci-layout", content: `{"imageLayoutVersion":"1.0.0"}`},
		member{name: "./index.json", content: jsonOf(t, v1.IndexManifest{SchemaVersion: 2, Manifests: []v1.Descriptor{descriptor}})},
	)
	return tarOf(t, members...)
}

func namesOf(images []Named) (names []string) {
	for _, image := range images {
		names = append(names, image.Name)
	}
	return names
}

func layersOf(t *testing.T, image v1.Image) (contents []string) {
	t.Helper()
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range layers {
		reader, err := layer.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		contents = append(contents, string(data))
	}
	return contents
}

func TestArchivesOfEveryKindAreRead(t *testing.T) {
	twice := []string{"first layer", "first layer"}
	for name, test := range map[string]struct {
		archive []byte
		called  string
		names   []string
		layers  []string
	}{
		"docker save, with a link between layers": {
			archive: dockerArchive(t, "app:dev", "registry.example/app:v1"),
			names:   []string{"docker.io/library/app:dev", "registry.example/app:v1"}, layers: twice,
		},
		"docker save by id, named on loading": {archive: dockerArchive(t), called: "app", names: []string{"docker.io/library/app:latest"}, layers: twice},
		"several tags, one name on loading":   {archive: dockerArchive(t, "a:1", "a:2"), called: "b:3", names: []string{"docker.io/library/b:3"}, layers: twice},
		"gzip":                                {archive: gzipped(t, dockerArchive(t, "app:dev")), names: []string{"docker.io/library/app:dev"}, layers: twice},
		"zstd":                                {archive: zstandard(t, dockerArchive(t, "app:dev")), names: []string{"docker.io/library/app:dev"}, layers: twice},
		"an OCI layout for two machines, named by containerd's annotation": {
			archive: layoutArchive(t, map[string]string{containerdName: "ghcr.io/a/b:c", refName: "c"}, "none", runtime.GOARCH),
			names:   []string{"ghcr.io/a/b:c"}, layers: []string{"layer for " + runtime.GOARCH},
		},
		"an OCI layout named by OCI's annotation": {
			archive: layoutArchive(t, map[string]string{refName: "localhost/app:dev"}, runtime.GOARCH),
			names:   []string{"localhost/app:dev"}, layers: []string{"layer for " + runtime.GOARCH},
		},
		"an OCI layout with no name but a tag, named on loading": {
			archive: zstandard(t, layoutArchive(t, map[string]string{refName: "latest"}, runtime.GOARCH)), called: "app:dev",
			names: []string{"docker.io/library/app:dev"}, layers: []string{"layer for " + runtime.GOARCH},
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "archive")
			if err := os.WriteFile(file, test.archive, 0o600); err != nil {
				t.Fatal(err)
			}
			opened, err := Open(t.Context(), file, test.called)
			if err != nil {
				t.Fatal(err)
			}
			streamed, err := Read(t.Context(), bytes.NewReader(test.archive), test.called)
			if err != nil {
				t.Fatal(err)
			}
			for _, archive := range []*Archive{opened, streamed} {
				if diff := cmp.Diff(test.names, namesOf(archive.Images)); diff != "" {
					t.Errorf("names (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(test.layers, layersOf(t, archive.Images[0].Image)); diff != "" {
					t.Errorf("layers (-want +got):\n%s", diff)
				}
				if err := archive.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestCompressedLayersOfDockerArchivesKeepTheirBytes(t *testing.T) {
	layer := string(gzipped(t, []byte("layer")))
	archive := tarOf(t,
		member{name: "layer.tar.gz", content: layer}, member{name: "config.json", content: configOf(t, runtime.GOARCH, "layer")},
		member{name: "manifest.json", content: jsonOf(t, []dockerEntry{{Config: "config.json", RepoTags: []string{"app:dev"}, Layers: []string{"layer.tar.gz"}}})},
	)
	found, err := find(t.Context(), bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := found[0].Image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	want := []v1.Descriptor{{MediaType: types.OCILayer, Digest: hashOf(layer), Size: int64(len(layer))}}
	if diff := cmp.Diff(want, manifest.Layers); diff != "" {
		t.Error(diff)
	}
}

func TestBadArchivesAreRefused(t *testing.T) {
	broken := layoutArchive(t, map[string]string{refName: "app:dev"}, runtime.GOARCH)
	broken = bytes.Replace(broken, []byte(`"architecture"`), []byte(`"Architecture"`), 1)
	for name, test := range map[string]struct {
		archive      []byte
		called, want string
	}{
		"a page of text":             {archive: bytes.Repeat([]byte("text "), 300), want: "reading it as a tar file"},
		"an empty file":              {want: "it is no archive of images"},
		"a tar file of other files":  {archive: tarOf(t, member{name: "a", content: "b"}), want: "it is no archive of images"},
		"half a gzip file":           {archive: gzipped(t, dockerArchive(t, "app:dev"))[:100], want: "unexpected EOF"},
		"half a tar file":            {archive: dockerArchive(t, "app:dev")[:515], want: "unexpected EOF"},
		"no name":                    {archive: dockerArchive(t), want: "no image in it has a name"},
		"a bad name":                 {archive: dockerArchive(t), called: "UPPER CASE", want: `reading image name "UPPER CASE"`},
		"other machines' images":     {archive: layoutArchive(t, nil, "mips", "vax"), want: "its images are for linux/mips, linux/vax"},
		"a blob with another digest": {archive: broken, want: "has the digest"},
		"a layer that is not there": {
			archive: tarOf(t, member{name: "c", content: configOf(t, runtime.GOARCH, "layer")}, member{name: "manifest.json", content: `[{"Config":"c","Layers":["none"]}]`}),
			want:    `no file "none"`,
		},
		"links in a circle": {
			archive: tarOf(t, member{name: "a", target: "b"}, member{name: "b", target: "a"}, member{name: "manifest.json", content: `[{"Config":"a"}]`}),
			want:    `no file "a"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			archive, err := Read(t.Context(), bytes.NewReader(test.archive), test.called)
			if err == nil {
				t.Fatalf("read %v", namesOf(archive.Images))
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %q, without %q", err, test.want)
			}
		})
	}
}

func TestSavingTwiceGivesTheSameFileWithTheImagesOwnDigest(t *testing.T) {
	made, err := Build(spec())
	if err != nil {
		t.Fatal(err)
	}
	var files [2][]byte
	for i := range files {
		name := filepath.Join(t.TempDir(), "image.tar")
		if err := Save(name, made, made); err != nil {
			t.Fatal(err)
		}
		if files[i], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("the files differ")
	}
	read, err := Read(t.Context(), bytes.NewReader(files[0]), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = read.Close() }()
	want, err := made.Image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	got, err := read.Images[0].Image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("saved %s, read %s", want, got)
	}
	// What docker load reads says the same.
	index, err := indexTar(t.Context(), bytes.NewReader(files[0]))
	if err != nil {
		t.Fatal(err)
	}
	docker, err := fromDocker(index)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(namesOf(read.Images), namesOf(docker)); diff != "" {
		t.Error(diff)
	}
}

// TestIndexesThatNameEachOtherEndSoon has few and small files, in which the same index is named over and over.
func TestIndexesThatNameEachOtherEndSoon(t *testing.T) {
	for name, c := range map[string]struct {
		padding, times int
		want           string
	}{
		"often":          {0, 1000, "its indexes name more than 10000 images"},
		"with much text": {1 << 20, 100, "its indexes are longer than 67108864 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			var members []member
			list := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Annotations: map[string]string{"a": strings.Repeat("x", c.padding)}}
			for range 4 {
				content := jsonOf(t, list)
				members = append(members, member{name: blobPath(hashOf(content)), content: content})
				child := v1.Descriptor{MediaType: types.OCIImageIndex, Digest: hashOf(content), Size: int64(len(content))}
				list.Manifests = slices.Repeat([]v1.Descriptor{child}, c.times)
			}
			members = append(members, member{name: "index.json", content: jsonOf(t, list)})
			began := time.Now()
			_, err := find(t.Context(), bytes.NewReader(tarOf(t, members...)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

// TestCompressedFilesCannotAskForMemory reads a frame of a few bytes that says it needs half a gigabyte.
func TestCompressedFilesCannotAskForMemory(t *testing.T) {
	const exponent, noBlocks = 29 - 10, "\x01\x00\x00"
	frame := string(zstdMagic) + "\x00" + string([]byte{exponent << 3}) + noBlocks
	plain, err := Decompress(strings.NewReader(frame))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(plain); err == nil || !strings.Contains(err.Error(), "window size") {
		t.Errorf("got %v", err)
	}
}

// FuzzFind reads any bytes as an archive: an error or images, and never a panic or a read outside of it.
func FuzzFind(f *testing.F) {
	f.Add(dockerArchive(f, "app:dev"))
	f.Add(layoutArchive(f, map[string]string{refName: "app:dev"}, runtime.GOARCH))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, archive []byte) {
		found, err := find(t.Context(), bytes.NewReader(archive))
		if err != nil {
			return
		}
		for _, image := range found {
			_, _ = Size(image.Image) // may fail as well
		}
	})
}
