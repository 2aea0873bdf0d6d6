//go:build !linux

// The sockets that ask authorities on other systems: a new one for each question.

package transport

import (
	"context"
	"time"
)

// askers keep nothing here.
type askers struct{}

func (*askers) close() {}

func (*askers) exchange(ctx context.Context, r *Request, deadline time.Time) ([]byte, error) {
	return exchangeDialled(ctx, r, deadline)
}
