//go:build !linux

// The sockets that ask authorities on other systems: each question has a new one.

package transport

import (
	"context"
	"time"
)

// askers keeps no sockets here.
type askers struct{ source *Source }

func newAskers(s *Source) *askers { return &askers{s} }

func (*askers) close() {}

func (a *askers) exchange(ctx context.Context, r *Request, deadline time.Time) ([]byte, error) {
	return a.source.exchangeDialled(ctx, r, deadline)
}
