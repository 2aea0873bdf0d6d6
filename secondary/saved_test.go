package secondary

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/guard"
	"bailiwick/internal/state"
)

// panics is a log to which it cannot be written that something is not saved.
type panics struct{ slog.Handler }

// Handle implements slog.Handler.
func (panics) Handle(_ context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "state is not saved") {
		panic("the log")
	}
	return nil
}

// A save that ends in a panic is made again in its time: it does not count as one that is under
// way for ever, and what it was to save is not forgotten.
func TestSaveThatPanicsIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "state")
		if err := os.WriteFile(path, nil, 0o600); err != nil { // it cannot be made a directory
			t.Fatal(err)
		}
		caught := 0
		k := keep(t, func(_ *kept, p *Parts) {
			p.Guard = guard.New(p.Log, func(guard.Place) { caught++ }, func() {})
			p.State = state.Reader(path, slog.New(panics{slog.NewTextHandler(io.Discard, nil)}))
		})
		time.Sleep(2 * tick)
		synctest.Wait()
		if caught != 1 {
			t.Fatalf("%d panics, want one of the save", caught)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(saveEvery + 2*tick)
		synctest.Wait()
		if _, err := os.Stat(filepath.Join(path, state.Zones.String())); err != nil {
			t.Errorf("nothing is saved: %v", err)
		}
		k.Close()
	})
}
