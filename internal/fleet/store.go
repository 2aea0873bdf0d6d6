// The store: Valkey, or Redis.

package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valkey-io/valkey-go"
)

// Store is what nodes share records by. Nothing that it returns is trusted.
type Store interface {
	// Get returns the values of keys, nil where there is none.
	Get(ctx context.Context, keys []string) ([][]byte, error)
	// Claim sets a key for a time, unless it is there. It reports whether it was not.
	Claim(ctx context.Context, key string, life time.Duration) (bool, error)
	// Put sets keys. The error of a store that can be read and takes nothing is ErrUnwritten.
	Put(ctx context.Context, entries []Entry) error
	// Publish has those hear a message who listen to a channel now. Nobody else ever does.
	Publish(ctx context.Context, channel, message string) error
	// Listen calls a function for each message of a channel, from when it has called begun. It
	// returns when the context or the connection ends, always with an error: errFlood if there
	// was more to hear than a node listens to.
	Listen(ctx context.Context, channel string, begun func(), heard func(message string)) error
	// Close ends all that is under way.
	Close()
}

// Entry is what is put into a store.
type Entry struct {
	Key   string
	Value []byte
	Life  time.Duration // 0: the key is removed
}

// ErrUnwritten is the error of a store that takes nothing, but can be read.
var ErrUnwritten = errors.New("the store takes nothing")

// valkeyStore is a store at an address.
type valkeyStore struct {
	options valkey.ClientOption
	now     func() time.Time
	leaving sync.WaitGroup // connections that are made for those that are left

	mu     sync.Mutex // held while the first connection is made
	client *client    // nil: it was not used yet; guarded by mu
	left   time.Time  // when a client was left, or was to be; guarded by mu
	closed bool       // guarded by mu
}

// client is a client of the store, which is closed when nobody uses it any more.
type client struct {
	valkey.Client
	uses sync.WaitGroup
}

// errClosed is the error of a store that is closed.
var errClosed = errors.New("the store is closed")

// connected returns the client, and has it connect when it is used for the first time. That takes
// dialTime at most, or somewhat more until the store has told its version. Who gets it ends a use
// of it.
func (v *valkeyStore) connected() (*client, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return nil, errClosed
	}
	if v.client == nil {
		c, err := valkey.NewClient(v.options)
		if c == nil {
			return nil, explained(err)
		}
		v.client = &client{Client: c} // an error is that it cannot be reached now
	}
	v.client.uses.Add(1)
	return v.client, nil
}

// OpenStore returns the store of settings, whether it can be reached or not: it connects when it
// is used, and again when the connection is lost.
func OpenStore(s Settings) Store {
	network, address := "tcp", s.Store
	if path, ok := strings.CutPrefix(s.Store, "unix:"); ok {
		network, address = "unix", path
	}
	o := valkey.ClientOption{InitAddress: []string{address}, Username: s.User,
		Password: s.Password, SelectDB: s.Database, ClientName: "bailiwick",
		ClientSetInfo:     valkey.DisableClientSetInfo,
		ForceSingleClient: true, DisableCache: true, DisableRetry: true, AlwaysPipelining: true,
		PipelineMultiplex: -1, RingScaleEachConn: 9, ReadBufferEachConn: 64 << 10,
		WriteBufferEachConn: 64 << 10, ConnWriteTimeout: stallTime,
		Dialer: net.Dialer{Timeout: dialTime, KeepAlive: stallTime},
		DialCtxFn: func(ctx context.Context, at string, d *net.Dialer, _ *tls.Config) (net.Conn,
			error) {
			if s.TLSName == "" {
				return d.DialContext(ctx, network, at)
			}
			t := &tls.Config{ServerName: s.TLSName, RootCAs: s.Roots.Pool()}
			if own := s.Certificate.Certificate(); own != nil {
				t.Certificates = []tls.Certificate{*own}
			}
			return (&tls.Dialer{NetDialer: d, Config: t}).DialContext(ctx, network, at)
		}}
	return &valkeyStore{options: o, now: time.Now}
}

// Get implements Store. Of each value no more is asked for than shows that it is too long: what
// others put into the store must not fill the memory of this process.
func (v *valkeyStore) Get(ctx context.Context, keys []string) ([][]byte, error) {
	client, err := v.connected()
	if err != nil {
		return nil, err
	}
	defer client.uses.Done()
	commands := make([]valkey.Completed, len(keys))
	for i, k := range keys {
		commands[i] = client.B().Getrange().Key(k).Start(0).End(maxRecord).Build()
	}
	out := make([][]byte, len(keys))
	for i, r := range client.DoMulti(ctx, commands...) {
		b, err := r.AsBytes()
		if e, ok := valkey.IsValkeyErr(err); ok && strings.HasPrefix(e.Error(), "WRONGTYPE") {
			continue // somebody has put a list or the like there
		}
		if err != nil {
			return nil, v.learn(client, err)
		}
		if len(b) > 0 {
			out[i] = b
		}
	}
	return out, nil
}

// Claim implements Store.
func (v *valkeyStore) Claim(ctx context.Context, key string, life time.Duration) (bool, error) {
	client, err := v.connected()
	if err != nil {
		return false, err
	}
	defer client.uses.Done()
	err = client.Do(ctx, client.B().Set().Key(key).Value("1").Nx().
		PxMilliseconds(life.Milliseconds()).Build()).Error()
	if valkey.IsValkeyNil(err) {
		return false, nil
	}
	return err == nil, refusal(v.learn(client, err))
}

// Put implements Store.
func (v *valkeyStore) Put(ctx context.Context, entries []Entry) (err error) {
	client, err := v.connected()
	if err != nil {
		return err
	}
	defer client.uses.Done()
	commands := make([]valkey.Completed, len(entries))
	for i, e := range entries {
		if e.Life == 0 {
			commands[i] = client.B().Del().Key(e.Key).Build()
			continue
		}
		commands[i] = client.B().Set().Key(e.Key).Value(valkey.BinaryString(e.Value)).
			PxMilliseconds(e.Life.Milliseconds()).Build()
	}
	for _, r := range client.DoMulti(ctx, commands...) {
		if e := r.Error(); e != nil {
			err = refusal(v.learn(client, e))
		}
	}
	return err
}

// channel returns the name of a channel in the store: all its databases have the same channels.
func (v *valkeyStore) channel(name string) string {
	return fmt.Sprintf("%s:%d", name, v.options.SelectDB)
}

// Publish implements Store.
func (v *valkeyStore) Publish(ctx context.Context, channel, message string) error {
	client, err := v.connected()
	if err != nil {
		return err
	}
	defer client.uses.Done()
	err = client.Do(ctx, client.B().Publish().Channel(v.channel(channel)).Message(message).
		Build()).Error()
	if word(err) == "NOPERM" {
		return nil // the store works; that nothing is heard is told by who listens
	}
	return v.learn(client, err)
}

// Listen implements Store. It has a connection of its own, so that what comes by it does not delay
// the replies that resolutions wait for. The client looks every second whether the store is there:
// who only listens to a connection never sees that it is gone
// (github.com/gomodule/redigo/issues/295).
func (v *valkeyStore) Listen(ctx context.Context, channel string, begun func(),
	heard func(string)) error {
	o, flooded := v.options, new(atomic.Bool)
	o.DialCtxFn = func(ctx context.Context, at string, d *net.Dialer, t *tls.Config) (net.Conn,
		error) {
		c, err := v.options.DialCtxFn(ctx, at, d, t)
		if err != nil {
			return nil, err
		}
		return &metered{Conn: c, flooded: flooded}, nil
	}
	client, err := valkey.NewClient(o)
	if client != nil {
		defer client.Close()
	}
	if err != nil {
		return explained(err)
	}
	ctx = valkey.WithOnSubscriptionHook(ctx, func(valkey.PubSubSubscription) { begun() })
	err = client.Receive(ctx, client.B().Subscribe().Channel(v.channel(channel)).Build(),
		func(m valkey.PubSubMessage) { heard(m.Message) })
	switch {
	case flooded.Load():
		return errFlood
	case err == nil:
		return errClosed
	}
	return explained(err)
}

// word returns the word that the error of a store begins with, which tells its kind; "" if it is
// none of a store.
func word(err error) string {
	if e, ok := valkey.IsValkeyErr(err); ok {
		kind, _, _ := strings.Cut(e.Error(), " ")
		return kind
	}
	return ""
}

// refusal returns ErrUnwritten, with the reason, for the error of a store that refuses to be
// written and can be read: it has no memory left, is the replica of another one, cannot save or
// replicate what it is given, or this server's user may not write.
func refusal(err error) error {
	switch word(err) {
	case "OOM", "READONLY", "MISCONF", "NOREPLICAS", "NOPERM":
		return fmt.Errorf("%w: %w", ErrUnwritten, err)
	}
	return err
}

// explained adds to the error of a store what to do, where the store does not say it.
func explained(err error) error {
	switch word(err) {
	case "NOAUTH":
		return fmt.Errorf("it demands a password, by fleet.password_file and, for another user "+
			"than the default one, fleet.user: %w", err)
	case "MOVED", "ASK", "CLUSTERDOWN", "CROSSSLOT":
		return fmt.Errorf("it is one of a cluster, each of which has a part of the keys; "+
			"fleet.store has to be a single one: %w", err)
	}
	return err
}

// learn returns an error as operators read it. A store that is a replica was another one's primary
// before, and that one may be at its address now, but the connection stays with the replica: it is
// left, for a new one (github.com/redis/go-redis/issues/790,
// github.com/StackExchange/StackExchange.Redis/issues/2264).
func (v *valkeyStore) learn(c *client, err error) error {
	if kind := word(err); kind == "READONLY" || kind == "MASTERDOWN" {
		v.leave(c)
	}
	return explained(err)
}

// leave has a new connection take the place of a client, if none was made for leaveTime. Until it
// is there, and if it cannot be had, the client goes on being used: what a replica has can be read.
func (v *valkeyStore) leave(c *client) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed || v.client != c || v.now().Sub(v.left) < leaveTime {
		return
	}
	v.left = v.now()
	v.leaving.Go(func() {
		next, err := valkey.NewClient(v.options) // takes as long as connected says
		v.mu.Lock()
		use := err == nil && !v.closed
		if use {
			v.client = &client{Client: next}
		}
		v.mu.Unlock()
		switch {
		case use:
			c.uses.Wait()
			c.Close()
		case next != nil:
			next.Close()
		}
	})
}

// Close implements Store.
func (v *valkeyStore) Close() {
	v.mu.Lock()
	if v.closed = true; v.client != nil {
		v.client.Close()
	}
	v.mu.Unlock()
	v.leaving.Wait()
}
