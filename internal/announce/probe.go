// What a server is like to its clients.

package announce

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"bailiwick/wire"
)

// Question is what a server is asked.
type Question struct {
	Name wire.Name
	Type wire.Type
}

// Probe asks servers as their clients do.
type Probe struct {
	Servers   []netip.AddrPort
	Questions []Question // one of which has to be answered
	Validated bool       // with AD
	Timeout   time.Duration
}

var (
	readyName   = wire.MustParseName("ready.server.")
	errLate     = errors.New("no answer in time")
	errNotReady = errors.New("it is not ready, or ends")
)

// Check asks all servers, and returns the worst health with its reason. A server is fine if it is
// ready and answers one of the questions: one zone that is broken is broken everywhere, and no node
// should be withdrawn for it.
func (p *Probe) Check(ctx context.Context) (worst Health, why error) {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, at := range p.Servers {
		all.Go(func() {
			h, err := p.check(ctx, at)
			mu.Lock()
			defer mu.Unlock()
			if h > worst {
				worst, why = h, fmt.Errorf("%v: %w", at, err)
			}
		})
	}
	all.Wait()
	return worst, why
}

// check asks one server.
func (p *Probe) check(ctx context.Context, at netip.AddrPort) (Health, error) {
	const classCH = 3
	reply, err := ask(ctx, at, Question{readyName, wire.TypeTXT}, classCH)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return Absent, err
	case err != nil:
		return Silent, err
	}
	switch rcode := reply[3] & 0xf; rcode {
	case rcodeNoError:
	case rcodeServFail:
		return Ending, errNotReady
	default:
		return Poor, fmt.Errorf("RCODE %d for %v", rcode, readyName)
	}
	errs := make(chan error, len(p.Questions))
	for _, q := range p.Questions {
		go func() { errs <- p.answered(ctx, at, q) }()
	}
	for range p.Questions {
		if err = <-errs; err == nil {
			return Fine, nil
		}
	}
	return Poor, err
}

const (
	rcodeNoError  = 0
	rcodeServFail = 2
	flagAD        = 0x20 // in the fourth octet of a message
)

// answered reports as an error how a question is not answered.
func (p *Probe) answered(ctx context.Context, at netip.AddrPort, q Question) error {
	reply, err := ask(ctx, at, q, uint16(wire.ClassIN))
	switch {
	case err != nil:
		return fmt.Errorf("%v %v: %w", q.Name, q.Type, err)
	case reply[3]&0xf != rcodeNoError:
		return fmt.Errorf("%v %v: RCODE %d", q.Name, q.Type, reply[3]&0xf)
	case p.Validated && reply[3]&flagAD == 0:
		return fmt.Errorf("%v %v: not validated", q.Name, q.Type)
	}
	return nil
}

// ask asks a server over UDP, and returns the message that replies to the question.
func ask(ctx context.Context, at netip.AddrPort, q Question, class uint16) ([]byte, error) {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	query := wire.AppendQuery(nil, uint16(rand.Uint32()), wire.FlagRD|flagAD, []byte(q.Name.Wire()),
		q.Type, 0, false, nil)
	query[len(query)-2], query[len(query)-1] = byte(class>>8), byte(class)
	if _, err := c.Write(query); err != nil {
		return nil, err
	}
	for buf := make([]byte, 4096); ; {
		n, err := c.Read(buf)
		if ctx.Err() != nil {
			return nil, errLate
		}
		if err != nil {
			return nil, err
		}
		if b := buf[:n]; n >= len(query) && bytes.Equal(b[:2], query[:2]) && b[2]&0x80 != 0 &&
			bytes.Equal(b[wire.HeaderLen:len(query)], query[wire.HeaderLen:]) {
			return b, nil
		}
	}
}
