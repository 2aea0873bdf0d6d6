// What is made of files, and made again when they change.

package samefile

import (
	"os"
	"slices"
	"sync"
	"sync/atomic"
)

// Copy is what was made of some files. It is made again when they have changed.
type Copy[T any] struct {
	read    func() (*T, error)
	paths   []string
	current atomic.Pointer[T]

	mu    sync.Mutex
	files []os.FileInfo // as they were when they were read; guarded by mu
}

// NewCopy returns a copy of files; nothing is made of them before Refresh.
func NewCopy[T any](read func() (*T, error), paths ...string) *Copy[T] {
	return &Copy[T]{read: read, paths: paths}
}

// Current returns what was made last, nil if nothing was.
func (c *Copy[T]) Current() *T { return c.current.Load() }

// Refresh makes it again if the files have changed. After an error what was made before stays, and
// the next Refresh tries again: of a certificate and its key one may not be written yet.
func (c *Copy[T]) Refresh() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var now []os.FileInfo
	for _, p := range c.paths {
		if st, err := os.Stat(p); err == nil { // else reading fails as well, and says why
			now = append(now, st)
		}
	}
	if c.current.Load() != nil && slices.EqualFunc(c.files, now, Unchanged) {
		return nil
	}
	made, err := c.read()
	if err != nil {
		return err
	}
	c.current.Store(made)
	c.files = now
	return nil
}
