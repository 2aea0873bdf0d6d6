package weblist

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/internal/guard"
	"bailiwick/internal/rest"
	"bailiwick/internal/rounds"
	"bailiwick/internal/state"
)

// List is a list that is fetched.
type List struct {
	URL     string
	Refresh time.Duration // time between two looks at it
}

// Content is what a text holds.
type Content struct {
	Names int
	Junk  int      // entries that are in no form of a list
	Top   []string // top-level domains among the names, a few of them
}

// Parts are what a keeper works with.
type Parts struct {
	Clock clock.Clock
	Log   *slog.Logger
	Guard *guard.Guard     // may be nil
	Rest  *rest.Rest       // nil: it never rests
	State *state.Directory // nil: the texts are in memory only
	Web   *http.Client
	// Count reads a text to its end.
	Count func(io.Reader) (Content, error)
	// Changed is called when a list has another text, or several have.
	Changed func()
}

// Keeper keeps the lists.
type Keeper struct {
	parts  Parts
	rounds *rounds.Rounds

	mu       sync.Mutex // of all below
	lists    []*kept    // in the order of the configuration
	busy     int        // lists that are being fetched
	fresh    time.Time  // since when there is a new text that Changed has not been called for
	changing bool       // it is being called
	saves    rounds.Saves
}

// kept is a list with its text. It is guarded by Keeper.mu.
type kept struct {
	List
	text     *text // nil if there is none
	next     time.Time
	began    time.Time // of the fetch that is under way, or the last one
	busy     bool
	gone     bool // it is not kept any more
	force    bool // whoever asked for the next fetch wants what comes, however short
	failures int  // in a row
	problem  string
	checks   [outcomes]int64
}

// text is a text that is good. It is immutable.
type text struct {
	packed    []byte // gzip
	length    int64  // of the text itself
	sum       [sha256.Size]byte
	names     int
	tag       string    // ETag, "" if there is none
	modified  string    // Last-Modified, "" if there is none
	confirmed time.Time // in the time that ages are counted in
}

// The outcomes of a fetch.
const (
	outcomeUpdated = iota
	outcomeCurrent
	outcomeFailed
	outcomeRefused
	outcomes
)

// refusal is the error of what came and is not used.
type refusal struct{ error }

// refused returns a refusal.
func refused(format string, args ...any) error { return refusal{fmt.Errorf(format, args...)} }

// later is the error of a server that says when to come again.
type later struct {
	error
	after time.Duration
}

// Shown returns a URL as logs and metrics show it: what follows the question mark may be a secret,
// and stands as its hash.
func Shown(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	query := u.RawQuery
	u.RawQuery, u.Fragment, u.User = "", "", nil
	if query == "" {
		return u.String()
	}
	sum := sha256.Sum256([]byte(query))
	return fmt.Sprintf("%s?%x", u, sum[:4])
}

// New returns a keeper of no lists.
func New(p Parts) *Keeper {
	return &Keeper{parts: p, rounds: rounds.New(p.Guard, p.Rest, tick)}
}

// Replace keeps the lists of a configuration from now on. Those that were kept before keep their
// texts.
func (k *Keeper) Replace(lists []List) {
	k.mu.Lock()
	defer k.mu.Unlock()
	old, now := k.lists, k.parts.Clock.Now()
	k.lists = nil
	for _, l := range lists {
		i := slices.IndexFunc(old, func(o *kept) bool { return o.URL == l.URL })
		if i < 0 {
			k.lists = append(k.lists, &kept{List: l, next: now})
			continue
		}
		h := old[i]
		if l.Refresh != h.Refresh && h.text != nil && h.failures == 0 {
			h.next = h.text.confirmed.Add(l.Refresh)
		}
		h.List = l
		k.lists = append(k.lists, h)
	}
	for _, o := range old {
		if o.gone = !slices.Contains(k.lists, o); o.gone {
			k.saves.Change()
		}
	}
	k.rounds.Wake()
}

// Start begins to fetch.
func (k *Keeper) Start() { k.rounds.Start(k.begin) }

// Close ends all fetches, and saves the texts.
func (k *Keeper) Close() {
	k.rounds.Close()
	k.mu.Lock()
	changed := k.saves.Changed()
	k.mu.Unlock()
	if changed {
		_ = k.saves.Save(&k.mu, k.save) // it is logged
	}
}

// Wake has the schedules looked at now.
func (k *Keeper) Wake() { k.rounds.Wake() }

// begin begins what is due.
func (k *Keeper) begin() (idle bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.parts.Clock.Now()
	for _, h := range k.lists {
		if h.busy || now.Before(h.next) || k.busy == maxFetches {
			continue
		}
		h.busy, h.began = true, now
		k.busy++
		k.rounds.Go(func() { k.check(h) }, func() { k.ended(h) })
	}
	if !k.fresh.IsZero() && !k.changing && (k.busy == 0 || now.Sub(k.fresh) >= settleTime) {
		k.fresh, k.changing = time.Time{}, true
		k.rounds.Go(k.parts.Changed, k.changed)
	}
	if k.parts.State != nil {
		k.rounds.Save(&k.saves, &k.mu, k.parts.Clock.Now, saveEvery, k.save)
	}
	return len(k.lists) == 0 && k.fresh.IsZero() && !k.changing &&
		(!k.saves.Changed() || k.parts.State == nil) && !k.saves.Running()
}

// changed notes that a new text is in use.
func (k *Keeper) changed() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.changing = false
	k.rounds.Wake()
}

// ended notes the end of a fetch.
func (k *Keeper) ended(h *kept) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.busy--
	h.busy, h.force = false, false
	if !h.next.After(h.began) { // there was a panic
		h.failures++
		h.next = k.parts.Clock.Now().Add(pause(h.failures, h.Refresh))
	}
	k.rounds.Wake() // others may wait for their turn
}

// pause returns how long to wait after so many failures in a row.
func pause(failures int, refresh time.Duration) time.Duration {
	return min(lastRetry, refresh, firstRetry<<min(failures-1, 12))
}

// check asks for a list, and puts what comes to use if it is one.
func (k *Keeper) check(h *kept) {
	ctx, cancel := context.WithTimeout(k.rounds.Context(), fetchTime)
	defer cancel()
	k.mu.Lock()
	have, force, list, room := h.text, h.force, h.List, int64(maxTotal)
	for _, o := range k.lists {
		if o != h && o.text != nil {
			room -= o.text.length
		}
	}
	k.mu.Unlock()
	got, content, err := k.fetch(ctx, list.URL, have, min(room, maxOctets))
	if err == nil && got != nil && have != nil && !force && got.names*shrinkTo < have.names {
		err = refused("it has %d names, and had %d: it is used if it is asked for with force",
			got.names, have.names)
	}
	if k.rounds.Context().Err() != nil {
		return
	}
	if err != nil {
		k.failed(h, err)
		return
	}
	k.succeeded(h, got, content)
}

// succeeded puts a text to use; nil confirms the one in use.
func (k *Keeper) succeeded(h *kept, got *text, content Content) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if h.gone {
		return
	}
	now := k.parts.Clock.Now()
	recovered, outcome := h.failures > 0, outcomeUpdated
	next := text{}
	if got != nil {
		next = *got
	} else {
		next = *h.text
	}
	if next.confirmed = now; got == nil || h.text != nil && h.text.sum == got.sum {
		outcome = outcomeCurrent
	}
	h.text, h.failures, h.problem = &next, 0, ""
	// It is looked at up to a tenth earlier, so that not all servers ask together.
	h.next = now.Add(h.Refresh - h.Refresh*time.Duration(rand.IntN(100))/1000)
	h.checks[outcome]++
	k.saves.Change()
	switch {
	case outcome == outcomeUpdated:
		if k.fresh.IsZero() {
			k.fresh = now
		}
		k.parts.Log.Info("block list fetched", "list", Shown(h.URL), "names", next.names,
			"octets", next.length)
		if len(content.Top) > 0 {
			k.parts.Log.Warn("a block list has whole top-level domains", "list", Shown(h.URL),
				"domains", strings.Join(content.Top, " "))
		}
	case recovered:
		k.parts.Log.Info("block list is current again", "list", Shown(h.URL))
	}
}

// failed notes that nothing came, or nothing that could be used.
func (k *Keeper) failed(h *kept, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.parts.Clock.Now()
	h.failures++
	wait := pause(h.failures, h.Refresh)
	var told later
	if errors.As(err, &told) {
		wait = max(wait, min(told.after, maxRetryAfter))
	}
	h.next = now.Add(wait)
	outcome := outcomeFailed
	var no refusal
	if errors.As(err, &no) {
		outcome = outcomeRefused
	}
	h.checks[outcome]++
	h.problem = problemOf(err, h.URL)
	if h.gone || h.failures&(h.failures-1) != 0 {
		return // the log has it at the first time, the second, the fourth and so on
	}
	said := []any{"list", Shown(h.URL), "error", h.problem, "times", h.failures, "retry_in",
		wait.Round(time.Second).String()}
	if h.text == nil {
		k.parts.Log.Error("block list cannot be had: nothing is blocked by it", said...)
		return
	}
	k.parts.Log.Warn("block list cannot be renewed; the last good one is used", append(said,
		"names", h.text.names, "age", now.Sub(h.text.confirmed).Round(time.Second).String())...)
}

// problemOf is the text of an error, without what may be secret in the URL.
func problemOf(err error, address string) string {
	return strings.ReplaceAll(err.Error(), address, Shown(address))
}

// Text returns the text of a list, nil if there is none.
func (k *Keeper) Text(address string) io.Reader {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, h := range k.lists {
		if h.URL == address && h.text != nil {
			r, err := gzip.NewReader(bytes.NewReader(h.text.packed))
			if err != nil { // it was packed here
				return nil
			}
			return r
		}
	}
	return nil
}

// Refresh has a list fetched now, all of them for "", and returns how many there are. The list is
// named by its URL, or as [Shown] shows it. force takes what comes, however few names it has.
func (k *Keeper) Refresh(address string, force bool) (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, h := range k.lists {
		if address == "" || h.URL == address || Shown(h.URL) == address {
			h.next, n = k.parts.Clock.Now(), n+1
			h.force = h.force || force && !h.busy
		}
	}
	k.rounds.Wake()
	return n
}

// Status is how it is with a list.
type Status struct {
	List     string // as Shown shows it
	Has      bool   // there is a text
	Names    int
	Octets   int64 // of the text
	Bytes    int   // of memory that it takes
	Age      time.Duration
	Next     time.Duration // until it is fetched again
	Fetching bool
	Problem  string // why the last fetch was of no use

	Updated, Current, Failed, Refused int64 // fetches
}

// Status returns how it is with all lists, in the order of the configuration.
func (k *Keeper) Status() (all []Status) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.parts.Clock.Now()
	for _, h := range k.lists {
		s := Status{List: Shown(h.URL), Next: max(0, h.next.Sub(now)), Fetching: h.busy,
			Problem: h.problem, Updated: h.checks[outcomeUpdated],
			Current: h.checks[outcomeCurrent], Failed: h.checks[outcomeFailed],
			Refused: h.checks[outcomeRefused]}
		if t := h.text; t != nil {
			s.Has, s.Names, s.Octets, s.Bytes = true, t.names, t.length, len(t.packed)
			s.Age = now.Sub(t.confirmed)
		}
		all = append(all, s)
	}
	return all
}
