// The control socket: commands from `bailiwick ctl`, for whoever may open the socket.

package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/user"
	"strconv"
	"syscall"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
)

// response is a result on the socket, or the first of several messages: chunks follow, each with a
// piece of a text, and one that ends it.
type response struct {
	Error string `json:"error,omitempty"`
	Text  bool   `json:"text,omitempty"` // a text follows
	// Works reports whether this is no reply yet: the operation takes its time.
	Works bool `json:"works,omitempty"`
	Result
}

// chunk is a piece of a text.
type chunk struct {
	Text  string `json:"text,omitempty"`
	Done  bool   `json:"done,omitempty"`
	Error string `json:"error,omitempty"`
}

// Control is the socket's listener.
type Control struct {
	l    *net.UnixListener
	path string
	desk *Desk
	g    *guard.Guard
	// seats has an element for each connection, and for the one that is accepted next.
	seats chan struct{}
}

// newControl returns the listener of a socket.
func newControl(l *net.UnixListener, path string, d *Desk, g *guard.Guard) *Control {
	return &Control{l, path, d, g, make(chan struct{}, maxConnections)}
}

// ListenControl opens the socket of a configuration at a path, or takes over the inherited one,
// which may be nil. The socket of a server that has ended is replaced.
func ListenControl(path string, cfg Config, inherited *net.UnixListener, d *Desk,
	g *guard.Guard) (*Control, error) {
	if inherited != nil {
		return newControl(inherited, path, d, g), nil
	}
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = conn.Close()
		return nil, fmt.Errorf("control socket %s: another server is using it", path)
	}
	if st, err := os.Lstat(path); err == nil && st.Mode()&os.ModeSocket != 0 {
		_ = os.Remove(path) // if that fails, so does listening, with the reason
	}
	l, err := listenPrivately(path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := permit(path, cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), l.Close())
	}
	return newControl(l.(*net.UnixListener), path, d, g), nil
}

// listenPrivately makes a socket that is its owner's alone, where the system can do that at once.
func listenPrivately(path string) (net.Listener, error) {
	return (&net.ListenConfig{Control: private}).Listen(context.Background(), "unix", path)
}

// permit gives the socket its group and its mode. The group comes first: the mode must never hold
// for another one.
func permit(path string, cfg Config) error {
	if cfg.Group != "" {
		id, err := GroupID(cfg.Group)
		if err != nil {
			return err
		}
		if err := os.Chown(path, -1, id); err != nil {
			return err
		}
	}
	return os.Chmod(path, cfg.Mode)
}

// Permit gives the socket another group and mode.
func (c *Control) Permit(cfg Config) error { return permit(c.path, cfg) }

// GroupID returns the number of a group that is given by name or number.
func GroupID(group string) (int, error) {
	if id, err := strconv.Atoi(group); err == nil && id >= 0 {
		return id, nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(g.Gid)
}

// Start serves until Close. That no descriptor is free ends nothing: the operator needs the socket
// most then.
func (c *Control) Start() {
	go func() {
		for {
			c.seats <- struct{}{}
			conn, err := c.l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				<-c.seats
				time.Sleep(acceptPause)
				continue
			}
			go c.g.Run(guard.Control, func() {
				defer func() { <-c.seats }()
				c.serve(conn)
			})
		}
	}()
}

// acceptPause is how long the socket waits after a connection that could not be accepted.
const acceptPause = 100 * time.Millisecond

// Path returns the path of the socket.
func (c *Control) Path() string { return c.path }

// Socket returns the listener's socket, for a successor.
func (c *Control) Socket() *net.UnixListener { return c.l }

// Detach has Close leave the socket in its place, for a successor.
func (c *Control) Detach() { c.l.SetUnlinkOnClose(false) }

// Close ends the listener and removes the socket. Commands in work go on.
func (c *Control) Close() error { return c.l.Close() }

// Finish is Close for the end of the process: it waits until commands in work are answered, as that
// which ends the process is, but not for long. No command may call it.
func (c *Control) Finish() error {
	err := c.Close()
	late := time.After(finishTime)
	for range cap(c.seats) - 1 { // the last one was to be accepted next
		select {
		case c.seats <- struct{}{}:
		case <-late:
			return err
		}
	}
	return err
}

func (c *Control) serve(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(controlTimeout))
	var req Request
	if err := json.NewDecoder(io.LimitReader(conn, maxBody)).Decode(&req); err != nil {
		return
	}
	req.Caller, req.From = caller(conn), "control socket"
	out := json.NewEncoder(conn)
	var result Result
	err := errors.New(cause.InternalError.Text()) // if there is no other
	stop := func() {}
	if req.Waits {
		stop = working(conn, out)
	}
	c.g.Run(guard.Control, func() { result, err = c.desk.do(OverSocket, req) })
	stop()
	r := response{Result: result, Text: result.Text != nil}
	if err != nil {
		r = response{Error: err.Error()}
	}
	_ = conn.SetDeadline(time.Now().Add(controlTimeout))
	if err := out.Encode(r); err != nil || !r.Text {
		return // if that fails, the caller has gone
	}
	end := chunk{Error: cause.InternalError.Text()}
	c.g.Run(guard.Control, func() {
		if end = (chunk{Done: true}); result.Text(chunks{conn, out}) != nil {
			end = chunk{Error: "the text is not whole"}
		}
	})
	_ = out.Encode(end)
}

// working tells the caller again and again that the operation goes on, until stop returns: to read
// the files of millions of rules takes minutes, and a caller that hears nothing takes the server
// for dead. An operation that has begun is not ended by a caller that has gone.
func working(conn net.Conn, out *json.Encoder) (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(controlTimeout / 4)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				_ = conn.SetDeadline(time.Now().Add(controlTimeout))
				_ = out.Encode(response{Works: true}) // if that fails, so does the reply
			case <-end:
				return
			}
		}
	}()
	return func() { close(end); <-ended }
}

// chunks writes pieces of a text to the socket. Each has its time.
type chunks struct {
	conn net.Conn
	out  *json.Encoder
}

// Write implements io.Writer.
func (c chunks) Write(b []byte) (int, error) {
	_ = c.conn.SetDeadline(time.Now().Add(controlTimeout))
	if err := c.out.Encode(chunk{Text: string(b)}); err != nil {
		return 0, err
	}
	return len(b), nil
}

// unreachable returns an error with the reason why there is no answer at a socket.
func unreachable(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("control socket %s: permission denied: it is for the user that the "+
			"server runs as, and for root (and for control.socket_group, if that is set)", path)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no control socket at %s (is the server running, and is this its "+
			"control.socket?)", path)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nobody listens at control socket %s (is the server running?)", path)
	}
	return fmt.Errorf("control socket %s: %w", path, err)
}

// Call sends a request to a server's socket. A text is written to out as it comes.
func Call(path string, r Request, out io.Writer) (Result, error) {
	conn, err := net.DialTimeout("unix", path, controlTimeout)
	if err != nil {
		return Result{}, unreachable(path, err)
	}
	defer conn.Close()
	result, err := exchange(conn, r, out)
	if errors.Is(err, errNoReply) {
		err = fmt.Errorf("control socket %s: %w", path, err)
	}
	return result, err
}

// errNoReply is the error of a server that does not reply, or by something else.
var errNoReply = errors.New("no reply")

// exchange sends a request over a connection, and waits for the reply while the server works on it.
func exchange(conn net.Conn, r Request, out io.Writer) (Result, error) {
	_ = conn.SetDeadline(time.Now().Add(controlTimeout))
	r.Waits = true
	if err := json.NewEncoder(conn).Encode(r); err != nil {
		return Result{}, err
	}
	in := json.NewDecoder(conn)
	reply := response{Works: true}
	for reply.Works {
		reply = response{}
		if err := in.Decode(&reply); err != nil {
			return Result{}, fmt.Errorf("%w: %w", errNoReply, err)
		}
		_ = conn.SetDeadline(time.Now().Add(controlTimeout))
	}
	if reply.Error != "" {
		return Result{}, errors.New(reply.Error)
	}
	if reply.Text {
		return Result{}, copyText(conn, in, out)
	}
	return reply.Result, nil
}

// copyText copies the pieces of a text, to its end.
func copyText(conn net.Conn, in *json.Decoder, out io.Writer) error {
	for {
		_ = conn.SetDeadline(time.Now().Add(controlTimeout))
		var c chunk
		if err := in.Decode(&c); err != nil {
			return fmt.Errorf("the text is not whole: %w", err)
		}
		if c.Error != "" {
			return errors.New(c.Error)
		}
		if c.Done {
			return nil
		}
		if _, err := io.WriteString(out, c.Text); err != nil {
			return err
		}
	}
}
