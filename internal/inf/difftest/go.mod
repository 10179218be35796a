// Compares ../ with the module that it stands in for. A module of its own, since both have the same path.
module coxswain.dev/coxswain/internal/inf/difftest

go 1.26.0

require (
	gopkg.in/inf.v0 v0.9.1
	inf.original/inf.v0 v0.9.1
)

replace (
	gopkg.in/inf.v0 => ../
	inf.original/inf.v0 => gopkg.in/inf.v0 v0.9.1
)
