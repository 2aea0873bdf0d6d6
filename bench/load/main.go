// Load makes the loads that dnsperf cannot: queries over QUIC, connections that stay idle, and
// handshakes. It watches the server's CPU time and memory beside.
//
//	go run ./bench/load doq   -server 127.0.0.1:8853 -pid PID -name www.secure.example
//	go run ./bench/load idle  -server 127.0.0.1:8853 -pid PID -via dot -n 10000
//	go run ./bench/load shake -server 127.0.0.1:8853 -pid PID -resume
//
// It ends by itself, after -for. Certificates are not checked.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"bailiwick/wire"
)

// options are those of all loads.
type options struct {
	server, via, name string
	pid, conns, depth int
	resume, classic   bool
	span, hold        time.Duration
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: load doq|idle|shake [flags]")
		os.Exit(2)
	}
	f := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	var o options
	f.StringVar(&o.server, "server", "127.0.0.1:8853", "address of the server")
	f.StringVar(&o.via, "via", "dot", "dot or doq, for idle and shake")
	f.StringVar(&o.name, "name", "www.secure.example", "name that is asked for")
	f.IntVar(&o.pid, "pid", 0, "process of the server, to be watched")
	f.IntVar(&o.conns, "n", 8, "connections")
	f.IntVar(&o.depth, "depth", 10, "queries at once on each")
	f.BoolVar(&o.resume, "resume", false, "resume sessions")
	f.BoolVar(&o.classic, "classic", false, "exchange keys by X25519 alone, without ML-KEM")
	f.DurationVar(&o.span, "for", 5*time.Second, "how long")
	f.DurationVar(&o.hold, "hold", 0, "how long idle connections are held after they are counted")
	_ = f.Parse(os.Args[2:]) // it exits on errors
	var err error
	switch os.Args[1] {
	case "doq":
		err = o.doq()
	case "idle":
		err = o.idle()
	case "shake":
		err = o.shake()
	default:
		err = fmt.Errorf("no load %q", os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func (o *options) tls(alpn string, cache tls.ClientSessionCache) *tls.Config {
	c := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{alpn},
		ServerName: "localhost", ClientSessionCache: cache}
	if o.classic {
		c.CurvePreferences = []tls.CurveID{tls.X25519}
	}
	return c
}

func (o *options) dialQUIC(cache tls.ClientSessionCache) (*quic.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return quic.DialAddr(ctx, o.server, o.tls("doq", cache),
		&quic.Config{MaxIdleTimeout: time.Hour, DisablePathMTUDiscovery: true})
}

// doq asks as fast as the server answers, conns times depth queries at once.
func (o *options) doq() error {
	name, err := wire.ParseName(o.name)
	if err != nil {
		return err
	}
	query := wire.AppendQuery([]byte{0, 0}, 0, wire.FlagRD, []byte(name.Wire()), wire.TypeA, 1232,
		true, nil)
	query[1] = byte(len(query) - 2)
	ctx, cancel := context.WithTimeout(context.Background(), o.span)
	defer cancel()
	var answered, failed atomic.Int64
	var mu sync.Mutex
	var waits []time.Duration
	var wg sync.WaitGroup
	before := measure(o.pid)
	for range o.conns {
		c, err := o.dialQUIC(nil)
		if err != nil {
			return err
		}
		defer c.CloseWithError(0, "")
		for range o.depth {
			wg.Go(func() {
				var own []time.Duration
				for ctx.Err() == nil {
					began := time.Now()
					if askQUIC(c, query) != nil {
						failed.Add(1)
						continue
					}
					answered.Add(1)
					own = append(own, time.Since(began))
				}
				mu.Lock()
				defer mu.Unlock()
				waits = append(waits, own...)
			})
		}
	}
	wg.Wait()
	used := measure(o.pid).since(before)
	n := answered.Load()
	if n == 0 {
		return errors.New("nothing was answered")
	}
	slices.Sort(waits)
	fmt.Printf("doq: %d answers, %d failures, %.0f a second, p50 %v, p99 %v, server CPU %.2f µs "+
		"per query\n", n, failed.Load(), float64(n)/o.span.Seconds(),
		waits[len(waits)/2], waits[len(waits)*99/100],
		float64(used.cpu.Nanoseconds())/1000/float64(n))
	return nil
}

// askQUIC asks on a stream of its own and reads to its end.
func askQUIC(c *quic.Conn, query []byte) error {
	s, err := c.OpenStreamSync(context.Background())
	if err != nil {
		return err
	}
	if _, err := s.Write(query); err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	_ = s.SetReadDeadline(time.Now().Add(5 * time.Second))
	buf, got := make([]byte, 4096), 0
	for {
		n, err := s.Read(buf)
		if got += n; err != nil {
			if got < 14 {
				return errors.New("no answer")
			}
			return nil
		}
	}
}

// idle opens connections, each after a query, and says what each costs the server in memory.
func (o *options) idle() error {
	before := measure(o.pid)
	var wg sync.WaitGroup
	var failed atomic.Int64
	slots := make(chan struct{}, 32)
	conns := make([]interface{ end() }, o.conns)
	began := time.Now()
	for i := range conns {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			c, err := o.open(i)
			if err != nil {
				failed.Add(1)
				return
			}
			conns[i] = c
		})
	}
	wg.Wait()
	took := time.Since(began)
	time.Sleep(2 * time.Second)
	used := measure(o.pid).since(before)
	n := o.conns - int(failed.Load())
	fmt.Printf("idle: %d %s connections open (%d failed) after %v, server memory %+.1f MiB, %.1f "+
		"KiB per connection\n", n, o.via, failed.Load(), took.Round(time.Millisecond),
		float64(used.memory)/(1<<20), float64(used.memory)/1024/float64(max(n, 1)))
	time.Sleep(o.hold)
	for _, c := range conns {
		if c != nil {
			c.end()
		}
	}
	return nil
}

// shake makes handshakes one after the other, on every connection slot, full or resumed.
func (o *options) shake() error {
	ctx, cancel := context.WithTimeout(context.Background(), o.span)
	defer cancel()
	var done, resumed, failed atomic.Int64
	var wg sync.WaitGroup
	before := measure(o.pid)
	for i := range o.conns {
		wg.Go(func() {
			var cache tls.ClientSessionCache
			if o.resume {
				cache = tls.NewLRUClientSessionCache(4)
			}
			for ctx.Err() == nil {
				again, err := o.once(i, cache)
				switch {
				case err != nil:
					failed.Add(1)
				case again:
					resumed.Add(1)
					fallthrough
				default:
					done.Add(1)
				}
			}
		})
	}
	wg.Wait()
	used := measure(o.pid).since(before)
	n := done.Load()
	if n == 0 {
		return errors.New("no handshake succeeded")
	}
	fmt.Printf("shake: %d %s handshakes with a query each, %d resumed, %d failed, %.0f a second, "+
		"server CPU %.0f µs each\n", n, o.via, resumed.Load(), failed.Load(),
		float64(n)/o.span.Seconds(), float64(used.cpu.Nanoseconds())/1000/float64(n))
	return nil
}
