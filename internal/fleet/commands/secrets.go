// Secrets that clients keep a part of: those of DNS cookies (RFC 9018) and of session tickets. One
// node makes them and all have them, sealed, before any uses them; those before stay accepted.

package commands

import (
	"cmp"
	"context"
	"crypto/sha256"
	"slices"
	"strconv"
	"time"

	"bailiwick/internal/fleet"
)

// secretsOp is what a command with a secret is called. It is no operation of an operator.
const secretsOp = "fleet secrets"

// secretLen is the length of a secret, in octets; what cookies and tickets need is derived from it.
const secretLen = 32

// sharedSecret is one that a command has brought.
type sharedSecret struct {
	from   int64 // second of the time of day from which on it is used
	seq    uint64
	id     string
	secret []byte
	by     int // which secret of the fleet it is sealed with
}

// about is what a box says of the command that it is in.
func about(id string, seq uint64, from string) string {
	return id + " " + strconv.FormatUint(seq, 10) + " " + from
}

// secretsOf returns the secrets that hold, those that are used last coming first. The caller holds
// mu.
func (m *Member) secretsOf(secrets []fleet.Secret) (list []sharedSecret) {
	for id, j := range m.journals {
		for i := range j.Commands {
			c := &j.Commands[i]
			if c.Op != secretsOp {
				continue
			}
			s, by, ok := unseal(secrets, about(id, c.Seq, c.Args["from"]), c.Args["sealed"])
			from, err := strconv.ParseInt(c.Args["from"], 10, 64)
			if ok && err == nil && len(s) == secretLen {
				list = append(list, sharedSecret{from, c.Seq, id, s, by})
			}
		}
	}
	slices.SortFunc(list, func(a, b sharedSecret) int {
		return cmp.Or(cmp.Compare(b.from, a.from), order(b.seq, b.id, a.seq, a.id))
	})
	return list
}

// dropSecrets drops those that nobody uses or accepts any more: there are as many later ones as are
// accepted, and one more, as clocks differ.
func (j *journal) dropSecrets(now time.Time) {
	later := 0
	for i := len(j.Commands) - 1; i >= 0; i-- {
		c := &j.Commands[i]
		from, err := strconv.ParseInt(c.Args["from"], 10, 64)
		if c.Op != secretsOp || err != nil || from > now.Unix() {
			continue
		}
		if later++; later > secretsKept+1 {
			j.Commands = slices.Delete(j.Commands, i, i+1)
		}
	}
}

// due reports whether another secret takes the place of the last one: at its age, or as the secret
// of the fleet that it is sealed with is going to be removed. The latter only when all nodes sign
// with the same: until then each would make one for its own, again and again. The caller holds mu.
func (m *Member) due(last *sharedSecret, now time.Time) bool {
	switch age := now.Sub(time.Unix(last.from, 0)); {
	case age < 0: // it is not used yet
		return false
	case age >= secretsEvery:
		return true
	case last.by == 0:
		return false
	}
	for _, p := range m.peers {
		if p.fresh(now) && !p.alike {
			return false
		}
	}
	return true
}

// share has the secrets be used that hold now.
func (m *Member) share(secrets []fleet.Secret, now time.Time) {
	m.mu.Lock()
	list := m.secretsOf(secrets)
	i := slices.IndexFunc(list, func(s sharedSecret) bool { return s.from <= now.Unix() })
	if i < 0 {
		m.mu.Unlock()
		return
	}
	h, first, others := sha256.New(), list[i].secret, [][]byte(nil)
	h.Write(first)
	for k, s := range list[:min(len(list), i+secretsKept)] {
		if k != i {
			others = append(others, s.secret)
			h.Write(s.secret)
		}
	}
	digest := string(h.Sum(nil))
	same := digest == m.shared
	m.shared = digest
	m.mu.Unlock()
	if !same {
		m.parts.Share(first, others)
	}
}

// makeSecrets makes another secret if it is time, and no other node does.
func (m *Member) makeSecrets(ctx context.Context, secrets []fleet.Secret, now time.Time) {
	m.mu.Lock()
	list := m.secretsOf(secrets)
	due := len(m.missing) == 0 && !m.alien(now) && !m.unsure(now) &&
		m.clockError(now) == nil && (len(list) == 0 || m.due(&list[0], now))
	m.mu.Unlock()
	if !due {
		return
	}
	ours, err := m.parts.Store.Claim(ctx, leaseKey, secretsLease)
	if err != nil || !ours {
		return
	}
	lead := secretsLead
	if len(list) == 0 {
		lead = 0
	}
	if _, err := m.write(m.newSecret(now.Add(lead), "the fleet"), done); err != nil {
		m.parts.Log.Warn("no secret was made for the fleet", "error", err.Error())
	}
}

// alien reports whether a node was heard of that has not answered this one: what it has is not
// known yet. The caller holds mu.
func (m *Member) alien(now time.Time) bool {
	for _, p := range m.peers {
		if p.fresh(now) && !p.proven {
			return true
		}
	}
	return false
}

// done is what there is to do here for a command with a secret: nothing, as share sees it.
func done() error { return nil }

// newSecret returns a command with a new secret.
func (m *Member) newSecret(from time.Time, by string) func(seq uint64) Command {
	return func(seq uint64) Command {
		m.mu.Lock()
		id := m.id
		m.mu.Unlock()
		at, secrets := strconv.FormatInt(from.Unix(), 10), m.parts.Store.Secrets()
		c := Command{Op: secretsOp, By: by, Args: map[string]string{"from": at},
			Until: from.Add(secretsKept * secretsEvery).Unix()}
		if len(secrets) > 0 {
			c.Args["sealed"] = seal(&secrets[0], about(id, seq, at), random(secretLen))
		}
		return c
	}
}

// RenewSecrets has clients get new secrets: all nodes accept the new one before any uses it.
func (m *Member) RenewSecrets(by string) (Receipt, error) {
	return m.issue(m.newSecret(m.now().Add(ackTime+maxSkew), by), done)
}

// Shares reports whether nodes share secrets now.
func (m *Member) Shares() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.on && m.shared != ""
}
