// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package quantities

import (
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	// MaxExponent is the largest decimal exponent that a quantity may be written with, and its negative the smallest.
	// It is a compromise: nothing that is counted comes near to a googol, and work on a quantity grows with the square
	// of its digits.
	MaxExponent = 100
	// MaxDigits is how many digits a quantity may have once its fraction is rounded to billionths.
	MaxDigits = MaxExponent + 9
	// maxErrors is how many quantities of one object are complained of.
	maxErrors = 10
)

// maxBits is the length of the largest number of MaxDigits digits.
var maxBits = int(math.Ceil(MaxDigits * math.Log2(10)))

// What is wrong with a quantity. What the client wrote is not repeated with it: it has been rounded already.
var (
	outOfBounds = fmt.Sprintf("quantities must have an exponent between -%d and %d and at most %d digits", MaxExponent, MaxExponent, MaxDigits)
	unwritable  = "multiples of 10^21 must be written with an exponent, such as 1e21"
)

// Check returns an error for each quantity in obj, a pointer to a struct or a struct, that is out of bounds, at most
// ten. Quantities are found in exported fields, slices, maps and pointers at any depth; those in fields of interface
// types and in raw JSON are not looked for. It may be called concurrently; nil is in order.
func Check(obj any) field.ErrorList {
	if allInBounds(obj) {
		return nil
	}
	return find(obj, maxErrors)
}

// allInBounds is whether Check finds nothing. It stops at the first error and allocates no paths.
func allInBounds(obj any) bool {
	w := walk{left: 1}
	w.start(obj)
	return w.left == 1
}

// Cap makes the quantities of obj, a pointer to a struct, such that they can be worked with at little cost. In the place
// of each that is out of bounds it puts one that is just out of bounds; nothing times any power of ten becomes nothing; and
// what could not be written without an exponent will be written with one (1000E as 1e21). Decoders call it, since what lies
// between them and the refusal (defaults, conversions, the tracking of fields) reads, compares and prints quantities, as
// does whoever reads what an older server has stored. It returns whether all are in bounds now, and must not be called
// while others use obj.
func Cap(obj any) (inBounds bool) {
	v := reflect.ValueOf(obj)
	return v.Kind() != reflect.Pointer || v.IsNil() || capValue(v, planOf(v.Type()))
}

func capValue(v reflect.Value, p *plan) bool {
	if p == nil {
		return true
	}
	inBounds := true
	switch p.kind {
	case reflect.Invalid:
		q := v.Interface().(resource.Quantity)
		switch check(q) {
		case "":
			return true
		case unwritable:
			q.Format = resource.DecimalExponent
			v.Set(reflect.ValueOf(q))
			return true
		default:
			v.Set(reflect.ValueOf(capped(q.Sign())))
			return q.Sign() == 0
		}
	case reflect.Pointer:
		if !v.IsNil() {
			return capValue(v.Elem(), p.element)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			inBounds = capValue(v.Index(i), p.element) && inBounds
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			if p.element.kind == reflect.Invalid && InBounds(entries.Value().Interface().(resource.Quantity)) {
				continue // all of them, as a rule: no entry has to be written again
			}
			entry := reflect.New(v.Type().Elem()).Elem()
			entry.Set(entries.Value())
			inBounds = capValue(entry, p.element) && inBounds
			v.SetMapIndex(entries.Key(), entry)
		}
	case reflect.Struct:
		for _, f := range p.fields {
			inBounds = capValue(v.Field(f.index), f.plan) && inBounds
		}
	}
	return inBounds
}

func capped(sign int) resource.Quantity {
	if sign == 0 {
		return resource.Quantity{}
	}
	q := resource.NewScaledQuantity(int64(sign), MaxExponent+1)
	q.Format = resource.DecimalExponent // in any other it would be written without its exponent
	return *q
}

// find returns the first errors.
func find(obj any, most int) field.ErrorList {
	w := walk{left: most, named: true}
	w.start(obj)
	return w.errs
}

// InBounds is whether q is a number that can be computed with, and be written.
func InBounds(q resource.Quantity) bool { return check(q) == "" }

// check returns what is wrong with q, empty if nothing.
func check(q resource.Quantity) string {
	d := q.AsDec() // of our copy; no digits are computed
	scale, unscaled := int(d.Scale()), d.UnscaledBig()
	if scale < -MaxExponent || scale > MaxExponent || unscaled.BitLen() > maxBits {
		return outOfBounds
	}
	switch q.Format {
	case resource.DecimalSI:
		if multipleOf(unscaled, largestSuffix+3+scale) {
			return unwritable
		}
	case resource.DecimalExponent:
		// The library reads exponents modulo 2^32 and may keep the text beside the number: 1e4294967296 is 1 to itself,
		// and something else to everybody who reads what it writes.
		if !exponentInBounds(q.String()) {
			return outOfBounds
		}
	}
	return ""
}

// largestSuffix is the exponent of E. The library writes thousands of E and more without any suffix: 1000E as 1.
const largestSuffix = 18

// multipleOf is whether n is a multiple of 10^exponent, other than 0.
func multipleOf(n *big.Int, exponent int) bool {
	if n.Sign() == 0 || exponent > 0 && n.BitLen() < exponent*3 {
		return false // as nearly always: it is less than 8^exponent
	}
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(exponent, 0))), nil)
	return power.Rem(n, power).Sign() == 0
}

func exponentInBounds(text string) bool {
	at := strings.IndexAny(text, "eE")
	if at < 0 {
		return true
	}
	exponent, err := strconv.ParseInt(text[at+1:], 10, 64)
	return err == nil && exponent >= -MaxExponent && exponent <= MaxExponent
}

// walk looks at one object.
type walk struct {
	// left is how many errors may still come before it ends.
	left int
	// named says that errors are collected, with their paths.
	named bool
	errs  field.ErrorList
}

func (w *walk) start(obj any) {
	if v := reflect.ValueOf(obj); v.IsValid() {
		w.value(v, planOf(v.Type()), nil)
	}
}

func (w *walk) value(v reflect.Value, p *plan, at *field.Path) {
	if p == nil || w.left == 0 {
		return
	}
	switch p.kind {
	case reflect.Invalid: // a quantity
		w.quantity(v.Interface().(resource.Quantity), at)
	case reflect.Pointer:
		if !v.IsNil() {
			w.value(v.Elem(), p.element, at)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			w.value(v.Index(i), p.element, w.path(at, func() *field.Path { return at.Index(i) }))
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next() && w.left > 0; {
			w.value(entries.Value(), p.element, w.path(at, func() *field.Path { return at.Key(fmt.Sprint(entries.Key())) }))
		}
	case reflect.Struct:
		for _, f := range p.fields {
			w.value(v.Field(f.index), f.plan, w.path(at, func() *field.Path {
				if f.name == "" {
					return at
				}
				return at.Child(f.name)
			}))
		}
	}
}

func (w *walk) quantity(q resource.Quantity, at *field.Path) {
	wrong := check(q)
	if wrong == "" {
		return
	}
	w.left--
	if w.named {
		w.errs = append(w.errs, field.Invalid(at, field.OmitValueType{}, wrong))
	}
}

// path makes paths only when they are going to be read.
func (w *walk) path(at *field.Path, below func() *field.Path) *field.Path {
	if !w.named {
		return at
	}
	return below()
}
