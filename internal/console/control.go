// The control socket: commands from `bailiwick ctl`, for whoever may open the socket.

package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
)

// Request asks for a command.
type Request struct {
	Command string            `json:"command"`
	Args    map[string]string `json:"args,omitempty"` // by name; flags too
	Caller  string            `json:"-"`              // who asks, for the log, such as "uid 0"
}

// Result is what a command tells: fields, rows of a table, or both.
type Result struct {
	Fields  map[string]any `json:"fields,omitempty"`
	Columns []string       `json:"columns,omitempty"`
	Rows    [][]any        `json:"rows,omitempty"` // as many values each as there are columns
}

// response is the result of a command on the socket.
type response struct {
	Error string `json:"error,omitempty"`
	Result
}

// Controls are the commands, by name.
type Controls map[string]func(Request) (Result, error)

// Control is the socket's listener.
type Control struct {
	l    *net.UnixListener
	path string
	c    Controls
	g    *guard.Guard
}

// ListenControl opens the socket, for its owner only, or takes over the inherited one, which may be
// nil. The socket of a server that has ended is replaced.
func ListenControl(path string, inherited *net.UnixListener, c Controls,
	g *guard.Guard) (*Control, error) {
	if inherited != nil {
		return &Control{inherited, path, c, g}, nil
	}
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = conn.Close()
		return nil, fmt.Errorf("control socket %s: another server is using it", path)
	}
	if st, err := os.Lstat(path); err == nil && st.Mode()&os.ModeSocket != 0 {
		_ = os.Remove(path) // if that fails, so does listening, with the reason
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), l.Close())
	}
	return &Control{l.(*net.UnixListener), path, c, g}, nil
}

// Start serves until Close.
func (c *Control) Start() {
	go func() {
		for {
			conn, err := c.l.Accept()
			if err != nil {
				return
			}
			go c.g.Run(guard.Control, func() { c.serve(conn) })
		}
	}()
}

// Path returns the path of the socket.
func (c *Control) Path() string { return c.path }

// Socket returns the listener's socket, for a successor.
func (c *Control) Socket() *net.UnixListener { return c.l }

// Detach has Close leave the socket in its place, for a successor.
func (c *Control) Detach() { c.l.SetUnlinkOnClose(false) }

// Close ends the listener and removes the socket.
func (c *Control) Close() error { return c.l.Close() }

func (c *Control) serve(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(controlTimeout))
	var req Request
	if err := json.NewDecoder(conn).Decode(&req); err != nil {
		return
	}
	req.Caller = caller(conn)
	var result Result
	err := errors.New(cause.InternalError.Text()) // if there is no other
	c.g.Run(guard.Control, func() { result, err = c.do(req) })
	r := response{Result: result}
	if err != nil {
		r = response{Error: err.Error()}
	}
	_ = json.NewEncoder(conn).Encode(r) // if that fails, the caller has gone
}

func (c *Control) do(r Request) (Result, error) {
	if run, ok := c.c[r.Command]; ok {
		return run(r)
	}
	return Result{}, fmt.Errorf("unknown command %q", r.Command)
}

// unreachable returns an error with the reason why there is no answer at a socket.
func unreachable(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("control socket %s: permission denied: it is for the user that the "+
			"server "+
			"runs as, and for root", path)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no control socket at %s (is the server running, and is this its "+
			"control.socket?)", path)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nobody listens at control socket %s (is the server running?)", path)
	}
	return fmt.Errorf("control socket %s: %w", path, err)
}

// Call sends a command to a server's socket.
func Call(path string, r Request) (Result, error) {
	conn, err := net.DialTimeout("unix", path, controlTimeout)
	if err != nil {
		return Result{}, unreachable(path, err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(controlTimeout))
	if err := json.NewEncoder(conn).Encode(r); err != nil {
		return Result{}, err
	}
	var reply response
	if err := json.NewDecoder(conn).Decode(&reply); err != nil {
		return Result{}, fmt.Errorf("control socket %s: %w", path, err)
	}
	if reply.Error != "" {
		return Result{}, errors.New(reply.Error)
	}
	return reply.Result, nil
}
