// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package inf

import (
	"math/big"
	"strings"
)

const (
	// maxScale is the largest scale in magnitude: beyond every float64, so that a quantity that saturates converts to an
	// infinite float as it always did, and beyond every quantity that the API server takes (apiserver/quantities).
	maxScale = 400
	// maxDigits is how many digits SetString reads.
	maxDigits = 400
)

// Scale is the number of decimal places of a Dec; a negative one stands for zeros before the decimal point.
type Scale int32

// saturate returns the scale closest to s that a Dec may have.
func saturate(s int64) Scale {
	return Scale(max(-maxScale, min(s, maxScale)))
}

// Dec is the number unscaled * 10^-scale. The zero value is 0. A Dec must not be copied once it is in use, since copies
// share digits, and like big.Int it must not be used by several goroutines while one of them changes it.
//
// Methods that set z return z; z may be one of the operands.
type Dec struct {
	unscaled big.Int
	scale    Scale
}

// NewDec returns unscaled * 10^-scale.
func NewDec(unscaled int64, scale Scale) *Dec {
	return new(Dec).SetUnscaled(unscaled).SetScale(scale)
}

// NewDecBig returns unscaled * 10^-scale; unscaled is copied.
func NewDecBig(unscaled *big.Int, scale Scale) *Dec {
	return new(Dec).SetUnscaledBig(unscaled).SetScale(scale)
}

// Scale returns the number of decimal places.
func (x *Dec) Scale() Scale { return x.scale }

// Unscaled returns the unscaled value, and whether it fits an int64; the value is undefined when it does not.
func (x *Dec) Unscaled() (int64, bool) { return x.unscaled.Int64(), x.unscaled.IsInt64() }

// UnscaledBig returns the unscaled value itself: changing it changes x.
func (x *Dec) UnscaledBig() *big.Int { return &x.unscaled }

// Sign returns -1, 0 or 1.
func (x *Dec) Sign() int { return x.unscaled.Sign() }

// SetScale changes the scale and leaves the unscaled value; scales beyond 400 in magnitude become 400.
func (z *Dec) SetScale(scale Scale) *Dec {
	z.scale = saturate(int64(scale))
	return z
}

// SetUnscaled changes the unscaled value and leaves the scale.
func (z *Dec) SetUnscaled(unscaled int64) *Dec {
	z.unscaled.SetInt64(unscaled)
	return z
}

// SetUnscaledBig changes the unscaled value to a copy of unscaled and leaves the scale.
func (z *Dec) SetUnscaledBig(unscaled *big.Int) *Dec {
	z.unscaled.Set(unscaled)
	return z
}

// Set makes z a copy of x.
func (z *Dec) Set(x *Dec) *Dec {
	z.scale = x.scale
	z.unscaled.Set(&x.unscaled)
	return z
}

// Neg sets z to -x.
func (z *Dec) Neg(x *Dec) *Dec {
	z.scale = x.scale
	z.unscaled.Neg(&x.unscaled)
	return z
}

// Cmp returns -1, 0 or 1 as x is less than, equal to or greater than y.
func (x *Dec) Cmp(y *Dec) int {
	a, b, _ := align(x, y)
	return a.Cmp(b)
}

// Add sets z to x + y, whose scale is the larger one.
func (z *Dec) Add(x, y *Dec) *Dec {
	a, b, scale := align(x, y)
	z.scale = scale
	z.unscaled.Add(a, b)
	return z
}

// Sub sets z to x - y, whose scale is the larger one.
func (z *Dec) Sub(x, y *Dec) *Dec {
	a, b, scale := align(x, y)
	z.scale = scale
	z.unscaled.Sub(a, b)
	return z
}

// Mul sets z to x * y, whose scale is the sum of both.
func (z *Dec) Mul(x, y *Dec) *Dec {
	z.scale = saturate(int64(x.scale) + int64(y.scale))
	z.unscaled.Mul(&x.unscaled, &y.unscaled)
	return z
}

// Rounder chooses between the two neighbours of a number that has too many decimal places: it is told the sign of the
// number and returns what to add to the neighbour closer to zero.
type Rounder func(sign int) int64

// RoundUp rounds away from zero.
var RoundUp Rounder = func(sign int) int64 { return int64(sign) }

// Round sets z to x with the given scale, rounded by r where places are lost.
func (z *Dec) Round(x *Dec, scale Scale, r Rounder) *Dec {
	scale = saturate(int64(scale))
	switch shift := scale - x.scale; {
	case shift >= 0:
		z.unscaled.Mul(&x.unscaled, powerOfTen(shift))
	default:
		var rest big.Int
		sign := x.unscaled.Sign()
		z.unscaled.QuoRem(&x.unscaled, powerOfTen(-shift), &rest)
		if rest.Sign() != 0 {
			z.unscaled.Add(&z.unscaled, big.NewInt(r(sign)))
		}
	}
	z.scale = scale
	return z
}

// SetString sets z to a decimal such as "-12.50", whose scale is its number of places. It returns nil and false, and
// leaves z undefined, when s is no such number or has more than 400 digits.
func (z *Dec) SetString(s string) (*Dec, bool) {
	unsigned := s
	if s != "" && (s[0] == '+' || s[0] == '-') {
		unsigned = s[1:]
	}
	whole, places, _ := strings.Cut(unsigned, ".")
	digits := whole + places
	if digits == "" || len(digits) > maxDigits || strings.Trim(digits, "0123456789") != "" {
		return nil, false
	}
	if _, ok := z.unscaled.SetString(digits, 10); !ok {
		return nil, false
	}
	if s[0] == '-' {
		z.unscaled.Neg(&z.unscaled)
	}
	return z.SetScale(Scale(len(places))), true
}

// String returns the number in plain digits, with as many places as its scale says.
func (x *Dec) String() string {
	if x == nil {
		return "<nil>"
	}
	if x.scale <= 0 {
		if x.Sign() == 0 {
			return "0"
		}
		return x.unscaled.String() + strings.Repeat("0", int(-x.scale))
	}
	sign, digits := "", x.unscaled.String()
	if x.Sign() < 0 {
		sign, digits = "-", digits[1:]
	}
	if missing := int(x.scale) + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	point := len(digits) - int(x.scale)
	return sign + digits[:point] + "." + digits[point:]
}

// align returns the unscaled values of both numbers at their larger scale. What it returns must not be changed.
func align(x, y *Dec) (a, b *big.Int, scale Scale) {
	switch {
	case x.scale < y.scale:
		return new(big.Int).Mul(&x.unscaled, powerOfTen(y.scale-x.scale)), &y.unscaled, y.scale
	case x.scale > y.scale:
		return &x.unscaled, new(big.Int).Mul(&y.unscaled, powerOfTen(x.scale-y.scale)), x.scale
	default:
		return &x.unscaled, &y.unscaled, x.scale
	}
}

// small are the powers of ten that ordinary quantities need.
var small = func() (powers [32]*big.Int) {
	for i := range powers {
		powers[i] = new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(i)), nil)
	}
	return powers
}()

// powerOfTen returns 10^n, which must not be changed, for n from 0 to twice the largest scale.
func powerOfTen(n Scale) *big.Int {
	if int(n) < len(small) {
		return small[n]
	}
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}
