// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package builder

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"coxswain.dev/coxswain/internal/images/dockerfile"
)

// keep writes what a copier gathered and adds it to the image as a layer.
func (s *state) keep(ctx context.Context, c *copier) error {
	made, err := c.write(ctx)
	if err != nil || made == nil {
		return err
	}
	s.opened = append(s.opened, made)
	s.layers = append(s.layers, made)
	return nil
}

func (s *state) workdir(ctx context.Context, instruction dockerfile.Instruction) error {
	name, err := s.one(instruction.Rest)
	if err != nil {
		return err
	}
	s.config.Config.WorkingDir = absolute(s.config.Config.WorkingDir, name)
	at, err := s.tree.resolve(s.config.Config.WorkingDir)
	if err != nil {
		return err
	}
	c := newCopier(s.tree)
	if n := s.tree.nodes[at]; n != nil {
		if !n.is(tar.TypeDir) {
			return fmt.Errorf("/%s is no folder in the image", at)
		}
		return nil
	}
	if user := s.config.Config.User; user != "" {
		found, err := ownerOf(ctx, s.tree, user)
		if err != nil {
			return err
		}
		c.owner = &found
	}
	c.folders(at)
	return s.keep(ctx, c)
}

// copy is COPY and ADD.
func (s *state) copy(ctx context.Context, instruction dockerfile.Instruction) error {
	words, err := s.words(instruction.Rest)
	if err != nil {
		return err
	}
	if len(words) < 2 {
		return errors.New("it needs a source and a destination")
	}
	c := newCopier(s.tree)
	if err := s.copyFlags(ctx, c, instruction); err != nil {
		return err
	}
	from, where, err := s.source(ctx, instruction)
	if err != nil {
		return err
	}
	documents, sources, err := s.documents(instruction, words[:len(words)-1])
	if err != nil {
		return err
	}
	names, err := s.match(from, where, instruction.Keyword, sources)
	if err != nil {
		return err
	}
	to := words[len(words)-1]
	target := absolute(s.config.Config.WorkingDir, to)
	isFolder := to == "." || to == ".." || strings.HasSuffix(to, "/") || strings.HasSuffix(to, "/.")
	if len(names)+len(documents) > 1 && !isFolder {
		return fmt.Errorf("several files go into a folder, whose name ends in /: %s/", to)
	}
	if !isFolder {
		at, err := s.tree.resolve(target)
		if err != nil {
			return err
		}
		n := s.tree.nodes[at]
		isFolder = n != nil && n.is(tar.TypeDir)
	}
	for _, name := range names {
		if err := s.copyOne(ctx, c, from, name, target, isFolder, instruction.Keyword == "ADD"); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
	for _, document := range documents {
		into := target
		if isFolder {
			into = path.Join(target, document.Name)
		}
		if err := c.put(into, fileHeader(len(document.Content)), textOpener(document.Content)); err != nil {
			return err
		}
	}
	return s.keep(ctx, c)
}

func fileHeader(size int) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(size)}
}

func textOpener(text string) func(context.Context) (io.ReadCloser, error) {
	return func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
}

// copyOne copies one thing; ADD unpacks archives, as Docker does.
func (s *state) copyOne(ctx context.Context, c *copier, from source, name, target string, isFolder, unpack bool) error {
	real, header, err := from.lookup(name)
	if err != nil {
		return err
	}
	if header.Typeflag == tar.TypeReg && unpack {
		archive, err := s.archive(ctx, from, real)
		if err != nil {
			return err
		}
		if archive != nil {
			return c.copyAll(archive, "", target)
		}
	}
	if header.Typeflag != tar.TypeDir && isFolder {
		target = path.Join(target, path.Base(name))
	}
	return c.copyAll(from, name, target)
}

// copyFlags reads --chown and --chmod.
func (s *state) copyFlags(ctx context.Context, c *copier, instruction dockerfile.Instruction) error {
	if value, ok := flagOf(instruction, "chown"); ok {
		spec, err := s.expand(value)
		if err != nil {
			return err
		}
		found, err := ownerOf(ctx, s.tree, spec)
		if err != nil {
			return fmt.Errorf("--chown: %w", err)
		}
		c.owner = &found
	}
	if value, ok := flagOf(instruction, "chmod"); ok {
		spec, err := s.expand(value)
		if err != nil {
			return err
		}
		mode, err := strconv.ParseInt(spec, 8, 32)
		if err != nil || mode < 0 || mode > 0o7777 {
			return fmt.Errorf("--chmod: %q is no mode in octal digits, such as 0755", spec)
		}
		c.mode = &mode
	}
	return nil
}

// source is what the instruction copies from, and how to call it.
func (s *state) source(ctx context.Context, instruction dockerfile.Instruction) (source, string, error) {
	value, given := flagOf(instruction, "from")
	if !given {
		return s.context, "the context " + s.Context, nil
	}
	name, err := s.expand(value)
	if err != nil {
		return nil, "", err
	}
	for i, other := range s.stages {
		if other != s.stage {
			continue
		}
		if before := s.find(name, i); before != nil {
			built, err := s.build.stage(ctx, before)
			if err != nil {
				return nil, "", err
			}
			return built.tree, "stage " + name, nil
		}
	}
	if _, err := strconv.Atoi(name); err == nil {
		return nil, "", fmt.Errorf("--from: there is no stage %s before this one", name)
	}
	base, err := s.base(ctx, name)
	if err != nil {
		return nil, "", fmt.Errorf("--from: no stage before this one is called %q, and %w", name, err)
	}
	return base.tree, "image " + name, nil
}

// documents takes here-documents out of the sources.
func (s *state) documents(instruction dockerfile.Instruction, words []string) ([]dockerfile.Heredoc, []string, error) {
	var sources []string
	documents := make([]dockerfile.Heredoc, len(instruction.Heredocs))
	for i, document := range instruction.Heredocs {
		documents[i] = document
		if document.Expand {
			content, err := s.file.ExpandText(document.Content, s.variable)
			if err != nil {
				return nil, nil, err
			}
			documents[i].Content = content
		}
	}
	for _, word := range words {
		if len(documents) > 0 && strings.HasPrefix(word, "<<") {
			continue
		}
		sources = append(sources, word)
	}
	return documents, sources, nil
}

// match is the names that the sources mean; each has to mean something.
func (s *state) match(from source, where, keyword string, sources []string) ([]string, error) {
	var names []string
	for _, pattern := range sources {
		if strings.Contains(pattern, "://") || strings.HasPrefix(pattern, "git@") {
			return nil, fmt.Errorf("%s is not on this machine; download it first, and copy the file", pattern)
		}
		if clean := path.Clean(strings.TrimLeft(pattern, "/")); clean == ".." || strings.HasPrefix(clean, "../") {
			return nil, fmt.Errorf("%q leads out of %s", pattern, where)
		}
		found, err := glob(from, pattern)
		if err != nil {
			return nil, err
		}
		there := 0
		ignored := false
		for _, name := range found {
			_, header, err := from.lookup(name)
			if errors.Is(err, errNotThere) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("reading %q in %s: %w", name, where, err)
			}
			if context, ok := from.(*folder); ok && context.ignored(name) && (header.Typeflag != tar.TypeDir || !context.rules.KeepsBelow()) {
				ignored = true
				continue
			}
			there++
			names = append(names, name)
		}
		switch {
		case there > 0:
		case ignored:
			return nil, fmt.Errorf("%q is in %s, but .dockerignore leaves it out", pattern, where)
		case special(pattern):
			return nil, fmt.Errorf("nothing in %s matches %q", where, pattern)
		default:
			return nil, fmt.Errorf("no such file %q in %s", pattern, where)
		}
	}
	return names, nil
}

// splitPath is a path's parts.
func splitPath(name string) []string {
	if name = inside(name); name == "" {
		return nil
	}
	return strings.Split(name, "/")
}
