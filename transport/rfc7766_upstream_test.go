// Connections to authorities are kept and used again (RFC 7766, RFC 7828).

package transport

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"bailiwick/internal/limit"
	"bailiwick/internal/limit/limittest"
	"bailiwick/wire"
)

// lasting keeps connections from stalling on a busy machine.
func lasting(t *testing.T) {
	before := authorities
	authorities.patience, authorities.idle = time.Hour, time.Hour
	t.Cleanup(func() { authorities = before })
}

// authorityAsked asks an authority over TCP; the result is sent when there is one.
func authorityAsked(t *testing.T, n *NetExchanger, at netip.AddrPort, id byte) <-chan error {
	t.Helper()
	ended := make(chan error, 1)
	go func() {
		q := query("fast")
		q[0], q[1] = 77, id
		r, err := n.Exchange(t.Context(), Request{Server: at, Via: TCP, Query: q,
			Timeout: time.Minute})
		if err == nil && (Matches(q, r) != MatchReply) {
			err = errors.New("the reply to another question")
		}
		ended <- err
	}()
	return ended
}

// answer replies to a question that has arrived.
func (a *asking) answer(t *testing.T, change func([]byte)) {
	t.Helper()
	if a.err != nil {
		t.Fatalf("no question: %v", a.err)
	}
	if _, err := a.conn.Write(appendFrame(nil, answerTo(a.query, change))); err != nil {
		t.Fatal(err)
	}
}

// answeredOnce asks an authority a first question, which it answers. The connection is kept then.
func answeredOnce(t *testing.T) (n *NetExchanger, at netip.AddrPort, asked <-chan asking,
	first asking) {
	t.Helper()
	lasting(t)
	at, asked = tcpServer(t)
	n = exchanger(t)
	ended := authorityAsked(t, n, at, 1)
	first = <-asked
	first.answer(t, nil)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	return n, at, asked, first
}

// RFC 7766, section 6.2.1: one connection carries all questions to a server, several at once, and
// the replies come in any order (section 6.2.1.1).
func TestRFC7766ConnectionToAnAuthorityIsReused(t *testing.T) {
	n, at, asked, a := answeredOnce(t)
	second := authorityAsked(t, n, at, 2)
	b := <-asked
	third := authorityAsked(t, n, at, 3)
	c := <-asked
	if b.conn != a.conn || c.conn != a.conn {
		t.Fatal("another connection")
	}
	c.answer(t, nil)
	if err := <-third; err != nil {
		t.Error(err)
	}
	b.answer(t, nil)
	if err := <-second; err != nil {
		t.Error(err)
	}
	want := ConnectionCounts{Open: 1, Opened: 1, Reused: 2}
	if got := n.Connections(TCP); got != want {
		t.Errorf("counts %+v", got)
	}
}

// RFC 7766, section 6.2.4: a server may end an idle connection just when it is asked again. The
// question is asked again over another one, and nothing is held against the server.
func TestRFC7766EndedBetweenQuestionsIsNoFault(t *testing.T) {
	n, at, asked, a := answeredOnce(t)
	second := authorityAsked(t, n, at, 2)
	b := <-asked
	if b.conn != a.conn {
		t.Fatal("another connection")
	}
	b.conn.Close()
	for b.err = errBroken; b.err != nil; { // the end of the first connection comes too
		select {
		case b = <-asked:
		case err := <-second:
			t.Fatalf("it is not asked again: %v", err)
		}
	}
	b.answer(t, nil)
	if err := <-second; err != nil {
		t.Error(err)
	}
	if got := n.Connections(TCP); got.Again != 1 || got.Opened != 2 {
		t.Errorf("counts %+v", got)
	}
}

// A server that ends a new connection without a reply is not asked again by the transport: that is
// its failure.
func TestRFC7766EndOfANewConnectionIsAFailure(t *testing.T) {
	lasting(t)
	at, asked := tcpServer(t)
	ended := authorityAsked(t, exchanger(t), at, 1)
	a := <-asked
	a.conn.Close()
	if err := <-ended; !errors.Is(err, ErrUnreachable) {
		t.Error(err)
	}
}

// Old servers and load balancers answer one question and end the connection, whatever else has come
// on it. All questions are answered nevertheless, and from then on such a server gets one question
// at a time on a connection.
func TestRFC7766ServerThatDoesNotPipelineGetsOneQuestionAtATime(t *testing.T) {
	lasting(t)
	at, asked := tcpServer(t)
	n := exchanger(t)
	var all []<-chan error
	for i := range 3 {
		all = append(all, authorityAsked(t, n, at, byte(i)))
	}
	var came []asking
	for len(came) < 3 {
		came = append(came, <-asked)
	}
	if came[1].conn != came[0].conn || came[2].conn != came[0].conn {
		t.Fatal("they were not pipelined")
	}
	came[0].answer(t, nil)
	came[0].conn.(*net.TCPConn).CloseWrite()
	var left []asking
	for len(left) < 2 {
		if a := <-asked; a.err == nil {
			left = append(left, a)
		}
	}
	if left[0].conn == left[1].conn {
		t.Error("two questions at once on a connection")
	}
	for i := range left {
		left[i].answer(t, nil)
	}
	for _, ended := range all {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// A connection on which nothing has come for as long as a reply is waited for takes no more
// questions: a router may have forgotten it. Those that wait on it are still answered.
func TestStalledConnectionTakesNoMoreQuestions(t *testing.T) {
	lasting(t)
	at, asked := tcpServer(t)
	n := exchanger(t)
	first := authorityAsked(t, n, at, 1)
	a := <-asked
	up := n.authorities.known[upstreamKey{via: TCP, server: at}].(*streamUpstream)
	c := up.conns[0]
	c.mu.Lock()
	c.since = c.since.Add(-authorities.patience)
	c.mu.Unlock()
	second := authorityAsked(t, n, at, 2)
	b := <-asked
	if b.conn == a.conn {
		t.Error("the same connection")
	}
	b.answer(t, nil)
	a.answer(t, nil)
	for _, ended := range []<-chan error{first, second} {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if load := c.load(time.Now()); load != 0 {
		t.Errorf("its load is %d after the late reply", load)
	}
}

// keepalive is a reply with the option edns-tcp-keepalive.
func keepalive(value ...byte) []byte {
	return wire.AppendOPT(answerTo(query("fast"), func(b []byte) { b[11]++ }), 1232, 0, true,
		wire.Options{}.Append(wire.OptionKeepalive, value))
}

// RFC 7828: a server says how long a connection may stay without a question, in tenths of a second.
// With 0 it takes no more questions and ends with the last reply. No server gets more than
// upstreamIdle, and a malformed value says nothing.
func TestRFC7828ServerSaysHowLong(t *testing.T) {
	for _, c := range []struct {
		name    string
		reply   []byte
		idle    time.Duration
		retired bool
	}{
		{"nothing", answerTo(query("fast"), nil), authorityIdle, false},
		{"two seconds", keepalive(0, 20), 2 * time.Second, false},
		{"a day", keepalive(0xff, 0xff), upstreamIdle, false},
		{"not at all", keepalive(0, 0), authorityIdle, true},
		{"an empty value", keepalive(), authorityIdle, false},
	} {
		conn := &streamConn{server: &streamUpstream{terms: authorities}, idle: authorityIdle}
		conn.obey(c.reply)
		if conn.idle != c.idle || conn.retired != c.retired {
			t.Errorf("%s: %v, retired %v", c.name, conn.idle, conn.retired)
		}
	}
	lasting(t)
	at, asked := tcpServer(t)
	n := exchanger(t)
	first := authorityAsked(t, n, at, 1)
	a := <-asked
	if _, err := a.conn.Write(appendFrame(nil, withID(keepalive(0, 0), a.query[0],
		a.query[1]))); err != nil {
		t.Fatal(err)
	}
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	authorityAsked(t, n, at, 2)
	b := <-asked
	for ; b.err != nil; b = <-asked {
	}
	if b.conn == a.conn {
		t.Error("the connection is used again")
	}
}

// Where the kept connections to an authority are full, or those to all authorities together, a
// question has a connection of its own.
func TestMaxAuthorityConns(t *testing.T) {
	limittest.Met(t, limit.UpstreamConnections)
	lasting(t)
	at, asked := tcpServer(t)
	n := exchanger(t)
	conns := map[net.Conn]int{}
	for i := range maxAuthorityConns*maxInFlight + 1 {
		authorityAsked(t, n, at, byte(i))
		conns[(<-asked).conn]++
	}
	if len(conns) != maxAuthorityConns+1 || n.Connections(TCP).Open != maxAuthorityConns {
		t.Errorf("%d connections, counts %+v", len(conns), n.Connections(TCP))
	}
}

func TestMaxAuthorityTotal(t *testing.T) {
	limittest.Met(t, limit.KeptConnections)
	lasting(t)
	at, asked := tcpServer(t)
	n := exchanger(t)
	n.authorities.owner.counts[TCP].open.Store(maxAuthorityTotal)
	ended := authorityAsked(t, n, at, 1)
	a := <-asked
	a.answer(t, nil)
	if err := <-ended; err != nil || n.Connections(TCP).Opened != 0 {
		t.Errorf("%v, counts %+v", err, n.Connections(TCP))
	}
}

// The reply to another question ends its connection; other questions on it are asked again.
func TestRFC7766WrongReplyIsNoFaultOfOthers(t *testing.T) {
	lasting(t)
	at, asked := tcpServer(t)
	n := exchanger(t)
	first := authorityAsked(t, n, at, 1)
	a := <-asked
	second := authorityAsked(t, n, at, 2)
	b := <-asked
	a.answer(t, func(m []byte) { m[13] = 'x' })
	if err := <-first; !errors.Is(err, ErrSpoofed) {
		t.Error(err)
	}
	if a.conn == b.conn {
		for b = <-asked; b.err != nil; b = <-asked {
		}
	}
	b.answer(t, nil)
	if err := <-second; err != nil {
		t.Error(err)
	}
}

// After a change of the network the next question has a new connection, and one under way is asked
// again.
func TestRenewedConnections(t *testing.T) {
	n, at, asked, a := answeredOnce(t)
	second := authorityAsked(t, n, at, 2)
	b := <-asked
	n.Renew()
	for b = <-asked; b.err != nil; b = <-asked {
	}
	if b.conn == a.conn {
		t.Error("the same connection")
	}
	b.answer(t, nil)
	if err := <-second; err != nil {
		t.Error(err)
	}
}
