package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// sweepEvery is how many mutants are tried before what they built is removed. Some dozen packages
// of each are built anew, and nobody asks for them again: without an end they fill the disk.
const sweepEvery = 20

// A buildCache is a cache of the go command for mutants. It begins as what the usual one has, by
// symbolic links to its files, and ends with the run.
type buildCache struct {
	dir   string
	began map[string]bool // names of what it began with

	// Whoever builds holds it for reading: nothing is removed under a compiler.
	building sync.RWMutex
	mu       sync.Mutex
	built    int // mutants since the last sweep
}

// usualCache returns the folder of the go command's cache.
func usualCache() (string, error) {
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	return strings.TrimSpace(string(out)), err
}

// newBuildCache makes one at a folder, from the usual one.
func newBuildCache(dir, usual string) (*buildCache, error) {
	c := &buildCache{dir: dir, began: map[string]bool{}}
	return c, eachEntry(usual, func(path string) error { return c.take(usual, path) })
}

// take links to a file of the usual cache. An index entry is copied, as the go command writes into
// it when the same action has another output.
func (c *buildCache) take(usual, path string) error {
	name, err := filepath.Rel(usual, path)
	if err != nil {
		return err
	}
	own := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(own), 0o755); err != nil {
		return err
	}
	c.began[name] = true
	if !strings.HasSuffix(name, "-a") {
		err = os.Symlink(path, own)
	} else if b, readErr := os.ReadFile(path); readErr == nil {
		err = os.WriteFile(own, b, 0o644)
	} else {
		err = readErr
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another go command has just trimmed it
	}
	return err
}

// use builds with the cache. It sweeps it first when that is due.
func (c *buildCache) use(build func() (string, error)) (string, error) {
	c.mu.Lock()
	c.built++
	due := c.built > sweepEvery
	if due {
		c.built = 1
	}
	c.mu.Unlock()
	if due {
		if err := c.sweep(); err != nil {
			return "", err
		}
	}
	c.building.RLock()
	defer c.building.RUnlock()
	return build()
}

// sweep removes what was built since the beginning.
func (c *buildCache) sweep() error {
	c.building.Lock()
	defer c.building.Unlock()
	return eachEntry(c.dir, func(path string) error {
		name, err := filepath.Rel(c.dir, path)
		if err != nil || c.began[name] {
			return err
		}
		return os.RemoveAll(path)
	})
}

// eachEntry calls f for each file in the folders of a cache, which are named by two digits; what
// fuzzing keeps is in another one.
func eachEntry(dir string, f func(path string) error) error {
	paths, err := filepath.Glob(filepath.Join(dir, "[0-9a-f][0-9a-f]", "*"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := f(path); err != nil {
			return err
		}
	}
	return nil
}
