// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package class keeps what has been worked out about every node for the pods of one shape, so that the next pod of
// that shape does not ask again.
//
// A [Class] holds a verdict per node (feasible, or why not), the total score of each feasible node, and a tree over
// the scores whose root is the best node. Placing a pod changes one node: the class judges that node again and repairs
// one path of the tree. Only two things cost a pass over all nodes: a shape not seen lately, and a change of the
// lowest or highest mark that a normalizing plugin gave, since that moves everyone's score.
//
// A [Set] keeps the classes of a profile that were used last, bounded by memory.
//
// What must hold, and what the property tests of package scheduler check against an oracle that knows none of this:
// after Refresh, verdicts and totals are those that filters and scores would give if asked from scratch.
package class
