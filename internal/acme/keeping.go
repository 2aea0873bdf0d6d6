// What outlives a restart: one file of the state directory.

package acme

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"

	"bailiwick/internal/state"
)

// kept is all that is known. It is saved whole.
type kept struct {
	Accounts    map[string][]byte // with the authorities, as certmagic stores them
	Certificate *issued           `json:",omitempty"`
	Attempts    attempts
	// Left are the records that an order has left in a zone.
	Left []record `json:",omitempty"`
}

// issued is a certificate with its key.
type issued struct {
	For        string    // what was wanted, see Config.wanted
	Chain, Key []byte    // PEM
	Suggested  time.Time // when the authority wants it renewed; zero: it does not say
	Ask        time.Time // when it is asked next
	Obtained   time.Time

	pair *tls.Certificate // the same, ready to be used
}

// read makes an issued certificate ready to be used.
func (c *issued) read() error {
	k, err := tls.X509KeyPair(c.Chain, c.Key)
	if err == nil {
		c.pair = &k
	}
	return err
}

// store is the file and what is in it.
type store struct {
	directory *state.Directory

	mu   sync.Mutex
	kept kept // guarded by mu
	// locks are held by certmagic; guarded by mu.
	locks map[string]chan struct{}
}

// load reads the file. One that is damaged is put aside and reported by the directory.
func load(d *state.Directory) *store {
	s := &store{directory: d, locks: map[string]chan struct{}{}}
	_ = d.Load(state.ACME, func(r io.Reader) error { // it reports what is wrong
		var k kept
		if err := json.NewDecoder(r).Decode(&k); err != nil {
			return err
		}
		if k.Certificate != nil {
			if err := k.Certificate.read(); err != nil {
				return err
			}
		}
		s.kept = k
		return nil
	})
	if s.kept.Accounts == nil {
		s.kept.Accounts = map[string][]byte{}
	}
	return s
}

// change changes what is known and saves it. If it cannot be saved the change holds all the same,
// until the process ends.
func (s *store) change(f func(*kept)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.kept)
	return s.directory.Save(state.ACME, func(w io.Writer) error {
		return json.NewEncoder(w).Encode(&s.kept)
	})
}

// now returns what is known. Only change changes what it refers to.
func (s *store) now() kept {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kept
	k.Left = slices.Clone(k.Left)
	return k
}

// Store implements certmagic.Storage, for accounts.
func (s *store) Store(_ context.Context, key string, value []byte) error {
	return s.change(func(k *kept) { k.Accounts[key] = slices.Clone(value) })
}

// Load implements certmagic.Storage.
func (s *store) Load(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.kept.Accounts[key]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return slices.Clone(v), nil
}

// Delete implements certmagic.Storage: what is below the key is deleted as well.
func (s *store) Delete(_ context.Context, key string) error {
	return s.change(func(k *kept) {
		maps.DeleteFunc(k.Accounts, func(have string, _ []byte) bool { return below(have, key) })
	})
}

// Exists implements certmagic.Storage.
func (s *store) Exists(ctx context.Context, key string) bool {
	list, _ := s.List(ctx, key, true)
	return len(list) > 0
}

// List implements certmagic.Storage.
func (s *store) List(_ context.Context, path string, recursive bool) (list []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.kept.Accounts {
		if !below(key, path) {
			continue
		}
		if rest := strings.TrimPrefix(key[len(path):], "/"); !recursive {
			first, _, _ := strings.Cut(rest, "/")
			key = strings.TrimSuffix(path+"/"+first, "/")
		}
		list = append(list, key)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// below reports whether a key is another one, or below it.
func below(key, of string) bool {
	return key == of || strings.HasPrefix(key, of+"/")
}

// Stat implements certmagic.Storage.
func (s *store) Stat(ctx context.Context, key string) (info certmagic.KeyInfo, err error) {
	v, err := s.Load(ctx, key)
	if err != nil && s.Exists(ctx, key) {
		return certmagic.KeyInfo{Key: key}, nil
	}
	return certmagic.KeyInfo{Key: key, Size: int64(len(v)), IsTerminal: true}, err
}

// Lock implements certmagic.Storage. The file is this process's alone.
func (s *store) Lock(ctx context.Context, name string) error {
	for {
		s.mu.Lock()
		held, ok := s.locks[name]
		if !ok {
			s.locks[name] = make(chan struct{})
		}
		s.mu.Unlock()
		if !ok {
			return nil
		}
		select {
		case <-held:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Unlock implements certmagic.Storage.
func (s *store) Unlock(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if held, ok := s.locks[name]; ok {
		close(held)
		delete(s.locks, name)
	}
	return nil
}
