// What the rest of the tree imports as gopkg.in/inf.v0; the top go.mod puts it in that module's place.
module gopkg.in/inf.v0

go 1.26.0
