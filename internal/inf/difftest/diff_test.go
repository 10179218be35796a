// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package difftest

import (
	"fmt"
	"math/big"
	"math/rand"
	"strings"
	"testing"
	"time"

	ours "gopkg.in/inf.v0"
	original "inf.original/inf.v0"
)

// show tells apart numbers that are equal but have different scales.
func show(unscaled *big.Int, scale int32) string { return fmt.Sprintf("%s*10^-%d", unscaled, scale) }

func showOurs(d *ours.Dec) string         { return show(d.UnscaledBig(), int32(d.Scale())) }
func showOriginal(d *original.Dec) string { return show(d.UnscaledBig(), int32(d.Scale())) }

// compare runs every operation on both sides.
func compare(t *testing.T, a string, aScale int32, b string, bScale int32, place int32) {
	t.Helper()
	ox, oxOK := new(ours.Dec).SetString(a)
	px, pxOK := new(original.Dec).SetString(a)
	oy, oyOK := new(ours.Dec).SetString(b)
	py, pyOK := new(original.Dec).SetString(b)
	if oxOK != pxOK || oyOK != pyOK {
		t.Fatalf("%q and %q: ours reads them %v and %v, the original %v and %v", a, b, oxOK, oyOK, pxOK, pyOK)
	}
	if !oxOK || !oyOK {
		return
	}
	ox.SetScale(ox.Scale() + ours.Scale(aScale))
	px.SetScale(px.Scale() + original.Scale(aScale))
	oy.SetScale(oy.Scale() + ours.Scale(bScale))
	py.SetScale(py.Scale() + original.Scale(bScale))
	for _, result := range []struct{ operation, ours, original string }{
		{"text", ox.String(), px.String()},
		{"text of a scaled number", oy.String(), py.String()},
		{"add", showOurs(new(ours.Dec).Add(ox, oy)), showOriginal(new(original.Dec).Add(px, py))},
		{"subtract", showOurs(new(ours.Dec).Sub(ox, oy)), showOriginal(new(original.Dec).Sub(px, py))},
		{"multiply", showOurs(new(ours.Dec).Mul(ox, oy)), showOriginal(new(original.Dec).Mul(px, py))},
		{"negate", showOurs(new(ours.Dec).Neg(ox)), showOriginal(new(original.Dec).Neg(px))},
		{"copy", showOurs(new(ours.Dec).Set(ox)), showOriginal(new(original.Dec).Set(px))},
		{"round", showOurs(new(ours.Dec).Round(ox, ours.Scale(place), ours.RoundUp)),
			showOriginal(new(original.Dec).Round(px, original.Scale(place), original.RoundUp))},
		{"order", fmt.Sprint(ox.Cmp(oy)), fmt.Sprint(px.Cmp(py))},
		{"sign", fmt.Sprint(ox.Sign()), fmt.Sprint(px.Sign())},
		{"new", showOurs(ours.NewDec(int64(place), ours.Scale(aScale))), showOriginal(original.NewDec(int64(place), original.Scale(aScale)))},
		{"new of big", showOurs(ours.NewDecBig(ox.UnscaledBig(), 3)), showOriginal(original.NewDecBig(px.UnscaledBig(), 3))},
	} {
		if result.ours != result.original {
			t.Errorf("%s %q*10^-%d and %q*10^-%d (place %d): got %s, the original %s",
				result.operation, a, aScale, b, bScale, place, result.ours, result.original)
		}
	}
	_, oFits := ox.Unscaled()
	_, pFits := px.Unscaled()
	if oFits != pFits {
		t.Errorf("%s fits an int64: ours says %v, the original %v", a, oFits, pFits)
	}
}

// decimal returns a number of up to 40 digits.
func decimal(r *rand.Rand) string {
	digits := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte("0123456789"[r.Intn(10)*r.Intn(2)])
		}
		return b.String()
	}
	s := []string{"", "-", "+"}[r.Intn(3)] + digits(r.Intn(21))
	if r.Intn(2) == 0 {
		s += "." + digits(r.Intn(21))
	}
	return s
}

func TestOrdinaryNumbersAreTheSame(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewSource(seed))
	scale := func() int32 { return r.Int31n(81) - 40 }
	for range 20000 {
		compare(t, decimal(r), scale(), decimal(r), scale(), scale())
		if t.Failed() {
			return
		}
	}
}

func FuzzOrdinaryNumbers(f *testing.F) {
	f.Add("1", int32(-9), "0.5", int32(0), int32(9))
	f.Add("-12.50", int32(3), "+.", int32(100), int32(-100))
	f.Add("0", int32(-30), "00.00", int32(30), int32(0))
	f.Fuzz(func(t *testing.T, a string, aScale int32, b string, bScale int32, place int32) {
		if len(a) > 100 || len(b) > 100 { // so that even the scale of a product is within the limit
			return
		}
		compare(t, a, aScale%100, b, bScale%100, place%100)
	})
}
