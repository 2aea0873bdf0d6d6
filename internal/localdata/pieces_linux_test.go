package localdata

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/aside"
	"bailiwick/wire"
)

// slow is a reader of lists that takes a millisecond for each read.
type slow struct{ io.Reader }

func (s slow) Read(b []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return s.Reader.Read(b)
}

// A list that is read while clients ask is read in pieces, with pauses between them that are twice
// as long.
func TestListsAreReadInPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read := func() {
			names := strings.Repeat("a.blocked.example\n", 100_000)
			c, err := Read(slow{strings.NewReader(names)}, func(wire.Name) error { return nil })
			if err != nil || c.Names != 100_000 {
				t.Error(c, err)
			}
		}
		begun := time.Now()
		read()
		alone := time.Since(begun)
		begun = time.Now()
		aside.InPieces(read)
		if aside := time.Since(begun); aside < 5*alone/2 || aside > 3*alone {
			t.Errorf("it takes %v in pieces, and %v by itself", aside, alone)
		}
	})
}

// So are the records of a configuration, of which there may be as many.
func TestRecordsAreReadInPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		aside.InPieces(func() {
			time.Sleep(time.Millisecond)
			b := NewBuilder(nil)
			for range 256 {
				if err := b.AddText("a.example A 192.0.2.1"); err != nil {
					t.Error(err)
				}
			}
		})
		if took := time.Since(begun); took != 3*time.Millisecond {
			t.Errorf("it takes %v", took)
		}
	})
}
