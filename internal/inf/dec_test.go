// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package inf

import (
	"math"
	"math/big"
	"math/rand"
	"strings"
	"testing"
	"time"
)

// rat is the exact value of d.
func rat(d *Dec) *big.Rat {
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(d.scale, -d.scale))), nil)
	if d.scale < 0 {
		return new(big.Rat).SetInt(power.Mul(power, &d.unscaled))
	}
	return new(big.Rat).SetFrac(&d.unscaled, power)
}

// random returns a number within the limits: short or long, with a small, a large or a limiting scale.
func random(r *rand.Rand) *Dec {
	scale := Scale(r.Intn(41) - 20)
	switch r.Intn(4) {
	case 0:
		scale = Scale(r.Intn(2*maxScale+1) - maxScale)
	case 1:
		scale = maxScale * Scale(r.Intn(3)-1)
	}
	digits := 1 + r.Intn(5)
	if r.Intn(3) == 0 {
		digits = 1 + r.Intn(120)
	}
	unscaled, _ := new(big.Int).SetString(strings.Repeat("9", digits), 10)
	unscaled.Rand(r, unscaled.Add(unscaled, big.NewInt(1)))
	if r.Intn(3) == 0 {
		unscaled.Mul(unscaled, powerOfTen(Scale(r.Intn(30))))
	}
	if r.Intn(2) == 0 {
		unscaled.Neg(unscaled)
	}
	return NewDecBig(unscaled, scale)
}

func newRandom(t *testing.T) *rand.Rand {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewSource(seed))
}

func TestSumsDifferencesAndOrderAreExact(t *testing.T) {
	r := newRandom(t)
	for range 5000 {
		x, y := random(r), random(r)
		want := map[string]*big.Rat{
			"+": new(big.Rat).Add(rat(x), rat(y)),
			"-": new(big.Rat).Sub(rat(x), rat(y)),
		}
		got := map[string]*Dec{"+": new(Dec).Add(x, y), "-": new(Dec).Sub(x, y)}
		for op, d := range got {
			if rat(d).Cmp(want[op]) != 0 || d.scale != max(x.scale, y.scale) {
				t.Fatalf("%s %s %s = %s with scale %d, want %s", x, op, y, d, d.scale, want[op].FloatString(450))
			}
		}
		if order := rat(x).Cmp(rat(y)); x.Cmp(y) != order {
			t.Fatalf("%s compared with %s gives %d, want %d", x, y, x.Cmp(y), order)
		}
		if d := new(Dec).Neg(x); rat(d).Cmp(new(big.Rat).Neg(rat(x))) != 0 {
			t.Fatalf("-(%s) = %s", x, d)
		}
		if d := new(Dec).Mul(x, y); int(x.scale)+int(y.scale) == int(d.scale) && rat(d).Cmp(new(big.Rat).Mul(rat(x), rat(y))) != 0 {
			t.Fatalf("%s * %s = %s", x, y, d)
		}
	}
}

func TestRoundingUpGoesToTheNextPlaceAwayFromZero(t *testing.T) {
	r := newRandom(t)
	for range 5000 {
		x, scale := random(r), random(r).scale
		d := new(Dec).Round(x, scale, RoundUp)
		if d.scale != scale {
			t.Fatalf("%s rounded to %d has scale %d", x, scale, d.scale)
		}
		exact, place := rat(x), rat(NewDec(1, scale))
		rest := new(big.Rat).Sub(rat(d), exact)
		if rest.Sign() != 0 && rest.Sign() != x.Sign() || rest.Abs(rest).Cmp(place) >= 0 {
			t.Fatalf("%s rounded to %d is %s", x, scale, d)
		}
	}
}

func TestOperandsMayBeTheResult(t *testing.T) {
	r := newRandom(t)
	operations := map[string]func(z, x, y *Dec) *Dec{
		"Add": (*Dec).Add, "Sub": (*Dec).Sub, "Mul": (*Dec).Mul,
		"Neg":   func(z, x, _ *Dec) *Dec { return z.Neg(x) },
		"Set":   func(z, x, _ *Dec) *Dec { return z.Set(x) },
		"Round": func(z, x, _ *Dec) *Dec { return z.Round(x, 2, RoundUp) },
	}
	for name, operation := range operations {
		for range 200 {
			x, y := random(r), random(r)
			want := operation(new(Dec), x, y).String()
			if got := operation(x, new(Dec).Set(x), y); got != x || got.String() != want {
				t.Fatalf("%s into another: %s, want %s", name, got, want)
			}
			x = random(r)
			want = operation(new(Dec), x, y).String()
			keep := y.String()
			if got := operation(x, x, y).String(); got != want || y.String() != keep {
				t.Fatalf("%s into its operand: %s, want %s", name, got, want)
			}
			want = operation(new(Dec), x, x).String()
			if got := operation(x, x, x).String(); got != want {
				t.Fatalf("%s of a number and itself: %s, want %s", name, got, want)
			}
		}
	}
}

func TestSetString(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "+7": "7", "007": "7", "1.": "1", ".5": "0.5", "-.50": "-0.50", "12.345": "12.345", "-0.001": "-0.001", "0.00": "0.00",
		strings.Repeat("9", maxDigits):       strings.Repeat("9", maxDigits),
		"." + strings.Repeat("1", maxDigits): "0." + strings.Repeat("1", maxDigits),
	} {
		d, ok := new(Dec).SetString(in)
		if !ok || d.String() != want {
			t.Errorf("%.20q: got %v, %v; want %.20s", in, d, ok, want)
		}
	}
	for _, in := range []string{
		"", "+", "-", ".", "-.", "1e3", "--1", "+-1", ".-5", "1.2.3", "1 ", " 1", "1_0", "0x1", "NaN", "٣",
		strings.Repeat("0", maxDigits+1), strings.Repeat("9", maxDigits) + ".5",
	} {
		if d, ok := new(Dec).SetString(in); ok || d != nil {
			t.Errorf("%.20q: got %s, want a refusal", in, d)
		}
	}
}

func TestScalesSaturate(t *testing.T) {
	for in, want := range map[Scale]Scale{
		0: 0, 9: 9, -18: -18, maxScale: maxScale, -maxScale: -maxScale,
		maxScale + 1: maxScale, -maxScale - 1: -maxScale, math.MaxInt32: maxScale, math.MinInt32: -maxScale,
	} {
		if got := new(Dec).SetScale(in).Scale(); got != want {
			t.Errorf("scale %d becomes %d, want %d", in, got, want)
		}
	}
	if got := new(Dec).Mul(NewDec(2, maxScale), NewDec(3, maxScale)); got.Scale() != maxScale {
		t.Errorf("a product has scale %d", got.Scale())
	}
	if got := new(Dec).Round(NewDec(1, 0), math.MinInt32, RoundUp); got.Scale() != -maxScale || got.UnscaledBig().Int64() != 1 {
		t.Errorf("1 rounded to no place at all is %s", got)
	}
}

func TestUnscaledSaysWhatFits(t *testing.T) {
	if v, ok := NewDec(math.MinInt64, 3).Unscaled(); v != math.MinInt64 || !ok {
		t.Errorf("got %d, %v", v, ok)
	}
	if _, ok := new(Dec).Add(NewDec(math.MaxInt64, 0), NewDec(1, 0)).Unscaled(); ok {
		t.Error("2^63 fits an int64")
	}
}

// FuzzArithmetic demands of every operation on any two numbers that it ends soon and keeps to the limits.
func FuzzArithmetic(f *testing.F) {
	f.Add("1", int32(math.MinInt32), "1", int32(math.MaxInt32), int32(9))
	f.Add("-999999999999999999999999", int32(400), ".5", int32(-401), int32(math.MinInt32))
	f.Add("0", int32(2147483647), "0.0000000000000000000", int32(-2147483648), int32(0))
	f.Fuzz(func(t *testing.T, a string, aScale int32, b string, bScale int32, place int32) {
		x, ok := new(Dec).SetString(a)
		if !ok {
			return
		}
		y, ok := new(Dec).SetString(b)
		if !ok {
			return
		}
		x.SetScale(x.Scale() + Scale(aScale)) // may overflow, as it may in resource.ParseQuantity
		y.SetScale(y.Scale() + Scale(bScale))
		began := time.Now()
		for name, z := range map[string]*Dec{
			"sum": new(Dec).Add(x, y), "difference": new(Dec).Sub(x, y), "product": new(Dec).Mul(x, y),
			"rounded": new(Dec).Round(x, Scale(place), RoundUp), "negated": new(Dec).Neg(y),
		} {
			if z.Scale() < -maxScale || z.Scale() > maxScale || len(z.String()) > 4*(maxScale+maxDigits) {
				t.Errorf("the %s of %s and %s is beyond the limits", name, x, y)
			}
		}
		if x.Cmp(y) != -y.Cmp(x) {
			t.Errorf("the order of %s and %s depends on who asks", x, y)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %s", took)
		}
	})
}
