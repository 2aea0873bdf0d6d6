//go:build !linux

// The sockets that ask authorities on other systems: each question has a new one.

package transport

import (
	"context"
	"time"
)

// askers keeps no sockets here.
type askers struct{}

func (*askers) close() {}

func (*askers) exchange(ctx context.Context, r *Request, deadline time.Time) ([]byte, error) {
	return exchangeDialled(ctx, r, deadline)
}
