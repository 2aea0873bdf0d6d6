package web

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// pieces is a body that comes in pieces of a size, each after a pause, until the request ends.
type pieces struct {
	ctx         context.Context
	size, count int
	pause       time.Duration
}

func (p *pieces) Read(b []byte) (int, error) {
	select {
	case <-p.ctx.Done():
		return 0, p.ctx.Err()
	case <-time.After(p.pause):
	}
	if p.count--; p.count < 0 {
		return 0, io.EOF
	}
	return min(p.size, len(b)), nil
}

// A server that sends an octet now and then holds nothing up for longer than one that is silent.
// One that is slow, but comes to an end some day, is waited for. Block lists whose servers did that
// kept others from being fetched for a quarter of an hour (openwrt/packages 29639), or had nothing
// blocked at all (0xERR0R/blocky 435 and 1825).
func TestMinProgress(t *testing.T) {
	for _, c := range []struct {
		what string
		of   pieces
		want error
		took time.Duration
	}{
		{"an octet each 5 seconds", pieces{size: 1, count: 1000, pause: 5 * time.Second}, errSlow,
			30 * time.Second},
		{"silence", pieces{size: 1, count: 1, pause: time.Hour}, errSlow, 30 * time.Second},
		{"a modem", pieces{size: 3 << 10, count: 1000, pause: time.Second}, nil,
			1001 * time.Second},
		{"little, and that slowly", pieces{size: 9, count: 4, pause: 5 * time.Second}, nil,
			25 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c.of.ctx = ctx
			b := NewBody(&c.of, 1<<30, io.ErrShortBuffer, cancel)
			defer b.Stop()
			begun := time.Now()
			_, err := io.Copy(io.Discard, b)
			if took := time.Since(begun); !errors.Is(err, c.want) || took != c.took {
				t.Errorf("%s: %v after %v", c.what, err, took)
			}
		})
	}
}
