// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"coxswain.dev/coxswain/cmd/cli"
	"coxswain.dev/coxswain/internal/images"
)

func newList(streams cli.Streams) *cobra.Command {
	var of cluster
	command := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the images on the nodes of this machine",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) (retErr error) {
			nodes, err := of.connect()
			if err != nil {
				return err
			}
			defer func() { retErr = errors.Join(retErr, nodes.Close()) }()
			var mu sync.Mutex
			all := map[string][]images.Listed{} // guarded by mu
			well, err := nodes.Each(func(node *images.Node) error {
				found, err := node.List(command.Context())
				mu.Lock()
				defer mu.Unlock()
				all[node.Name] = found
				return err
			})
			var names []string
			for _, node := range well {
				names = append(names, node.Name)
			}
			return errors.Join(err, printList(streams.Out, rowsOf(names, all), len(nodes) > 1))
		},
	}
	of.addFlags(command.Flags())
	return command
}

// row of the list: one name of one image.
type row struct {
	image, tag, id string
	size           uint64
	nodes          []string
}

const none = "<none>"

// rowsOf joins what the nodes have, sorted by name; nodes in the order that is given.
func rowsOf(nodes []string, all map[string][]images.Listed) []row {
	var rows []row
	add := func(node string, next row) {
		for i, known := range rows {
			if known.image == next.image && known.tag == next.tag && known.id == next.id {
				rows[i].nodes = append(rows[i].nodes, node)
				return
			}
		}
		next.nodes = []string{node}
		rows = append(rows, next)
	}
	for _, node := range nodes {
		for _, image := range all[node] {
			next := row{image: none, tag: none, id: image.ID, size: image.Size}
			for _, tag := range image.Tags {
				at := strings.LastIndex(tag, ":")
				next.image, next.tag = tag[:at], tag[at+1:]
				add(node, next)
			}
			if len(image.Tags) == 0 {
				if len(image.Repositories) > 0 {
					next.image = image.Repositories[0]
				}
				add(node, next)
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		return strings.Compare(a.image+"\x00"+a.tag+"\x00"+a.id, b.image+"\x00"+b.tag+"\x00"+b.id)
	})
	return rows
}

func printList(out io.Writer, rows []row, several bool) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	header := "IMAGE\tTAG\tIMAGE ID\tSIZE"
	if several {
		header += "\tNODES"
	}
	fmt.Fprintln(table, header)
	for _, row := range rows {
		line := fmt.Sprintf("%s\t%s\t%s\t%s", row.image, row.tag, shortID(row.id), strings.ReplaceAll(bytesOf(int64(row.size)), " ", ""))
		if several {
			line += "\t" + strings.Join(row.nodes, ",")
		}
		fmt.Fprintln(table, line)
	}
	return table.Flush()
}

// shortID is an ID as lists show it.
func shortID(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(13, len(id))]
}
