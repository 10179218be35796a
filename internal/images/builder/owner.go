// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package builder

import (
	"bufio"
	"context"
	"fmt"
	"strconv"
	"strings"
)

// ownerOf reads USER[:GROUP], in numbers or in names that the image knows. Without a group it is the user's own, or the
// one of the same number.
func ownerOf(ctx context.Context, image *tree, spec string) (owner, error) {
	user, group, grouped := strings.Cut(spec, ":")
	if user == "" || grouped && group == "" {
		return owner{}, fmt.Errorf("%q is not of the form user:group", spec)
	}
	var found owner
	if uid, err := number(user); err == nil {
		found = owner{uid, uid}
	} else {
		fields, err := account(ctx, image, "etc/passwd", user)
		if err != nil {
			return owner{}, err
		}
		if found, err = ids(fields); err != nil {
			return owner{}, fmt.Errorf("reading /etc/passwd of the image: %w", err)
		}
	}
	if !grouped {
		return found, nil
	}
	gid, err := number(group)
	if err != nil {
		fields, err := account(ctx, image, "etc/group", group)
		if err != nil {
			return owner{}, err
		}
		if gid, err = number(fields[2]); err != nil {
			return owner{}, fmt.Errorf("reading /etc/group of the image: %w", err)
		}
	}
	found.gid = gid
	return found, nil
}

func number(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	return int(n), err
}

func ids(fields []string) (owner, error) {
	if len(fields) < 4 {
		return owner{}, fmt.Errorf("the line of %s is too short", fields[0])
	}
	uid, err := number(fields[2])
	if err != nil {
		return owner{}, err
	}
	gid, err := number(fields[3])
	return owner{uid, gid}, err
}

// account is the line of a name in a file such as /etc/passwd, in at least three fields.
func account(ctx context.Context, image *tree, file, name string) ([]string, error) {
	missing := fmt.Errorf("no %q is in /%s of the image; use a number", name, file)
	real, _, err := image.lookup(file)
	if err != nil {
		return nil, missing
	}
	content, err := image.open(ctx, real)
	if err != nil {
		return nil, missing
	}
	defer func() { _ = content.Close() }() // only read from
	for lines := bufio.NewScanner(content); lines.Scan(); {
		fields := strings.Split(strings.TrimSpace(lines.Text()), ":")
		if fields[0] == name && len(fields) >= 3 {
			return fields, nil
		}
	}
	return nil, missing
}
