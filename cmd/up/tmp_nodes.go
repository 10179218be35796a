package up

import (
	"context"
	"coxswain.dev/coxswain/internal/lifecycle"
)

func (c *cluster) addContainerd(t *lifecycle.Together) {}
func (c *cluster) addNodes(t *lifecycle.Together) { _ = context.Background }
