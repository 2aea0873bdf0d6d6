// The commands of one node that hold, as one signed value.

package commands

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"bailiwick/internal/fleet"
)

// Command is what an operator has all nodes do.
type Command struct {
	// Seq is its number, which rises from one command of a node to the next, and over those that
	// the node has seen of others: microseconds of the time of day, or one more than the last.
	Seq   uint64            `json:"seq"`
	Until int64             `json:"until"` // second of the time of day
	Op    string            `json:"op"`
	Args  map[string]string `json:"args,omitempty"`
	// Key names what it is about; "": it is done once, and nothing takes its place. Of commands
	// with one key that Clears, only the last holds of those up to it.
	Key    string `json:"key,omitempty"`
	Clears bool   `json:"clears,omitempty"`
	By     string `json:"by"` // who asked for it, as the node knows them
}

// Made returns when it was issued, by the clock of its node.
func (c *Command) Made() time.Time { return time.UnixMicro(int64(c.Seq)) }

// ends returns when it does not hold any more.
func (c *Command) ends() time.Time { return time.Unix(c.Until, 0) }

// right reports whether a command may be in a journal.
func (c *Command) right() bool {
	if c.Seq == 0 || c.Seq > 1<<62 || !c.ends().After(c.Made()) ||
		c.ends().Sub(c.Made()) > MaxLife+time.Minute || len(c.Args) > maxArgs || c.Op == "" ||
		!fits(c.Op, maxText) || !fits(c.Key, maxArg) || !fits(c.By, 2*maxText) {
		return false
	}
	for name, value := range c.Args {
		if !fits(name, maxText) || !fits(value, maxArg) {
			return false
		}
	}
	return true
}

// journal are the commands of one node that hold, in their order. It is signed as a whole, with the
// number of the last command that there was: the store can withhold it, and neither take a command
// out of it, nor change their order, nor put an old one in its place.
type journal struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Last     uint64    `json:"last"`
	Commands []Command `json:"commands"`
}

// readJournal reads one of a node.
func readJournal(secrets []fleet.Secret, id string, signed []byte, now time.Time) (*journal,
	Outcome) {
	var j journal
	if o := verify(secrets, aJournal, maxJournal, signed, &j); o != Good {
		return nil, o
	}
	return &j, j.judge(id, now)
}

// judge returns what is wrong with a journal of a node.
func (j *journal) judge(id string, now time.Time) Outcome {
	switch {
	case j.ID != id:
		return Misplaced
	case !fits(j.Name, maxText), len(j.Commands) > maxCommands:
		return Malformed
	case j.Last > seqOf(now.Add(maxSkew)):
		return Future
	}
	before := uint64(0)
	for i := range j.Commands {
		c := &j.Commands[i]
		if !c.right() || c.Seq <= before || c.Seq > j.Last {
			return Malformed
		}
		before = c.Seq
	}
	return Good
}

// seqOf returns the number of a time.
func seqOf(t time.Time) uint64 { return uint64(max(t.UnixMicro(), 1)) }

// expire drops commands that do not hold any more, and reports whether there were any.
func (j *journal) expire(now time.Time) bool {
	before := len(j.Commands)
	j.Commands = slices.DeleteFunc(j.Commands, func(c Command) bool {
		return !now.Before(c.ends())
	})
	return len(j.Commands) < before
}

// with returns the journal with another command. What that takes the place of is dropped; of too
// many that are done once, the oldest two become one of everything.
func (j *journal) with(c Command) (*journal, error) {
	n := &journal{ID: j.ID, Name: j.Name, Last: c.Seq}
	for _, o := range j.Commands {
		if !c.replaces(&o) {
			n.Commands = append(n.Commands, o)
		}
	}
	n.Commands = append(n.Commands, c)
	n.dropSecrets(c.Made())
	once := slices.DeleteFunc(slices.Clone(n.Commands), func(o Command) bool {
		return o.Op != flushOp
	})
	if len(once) > maxOnce {
		all := once[1]
		all.Args = map[string]string{"all": "true"}
		n.Commands = slices.DeleteFunc(n.Commands, func(o Command) bool {
			return o.Seq == once[0].Seq || o.Seq == all.Seq
		})
		n.Commands = append(n.Commands, all)
		slices.SortFunc(n.Commands, func(a, b Command) int { return cmp.Compare(a.Seq, b.Seq) })
	}
	if len(n.Commands) > maxCommands || n.size() > maxJournal {
		return nil, fmt.Errorf("%d commands of this node hold already, and no more fit: give it "+
			"to another node, or wait until some have ended", len(j.Commands))
	}
	return n, nil
}

// flushOp is the operation whose commands are done once: they concern no name that a later one
// could be about.
const flushOp = "flush"

// size returns how many octets a journal has when it is signed.
func (j *journal) size() int {
	b, err := json.Marshal(j)
	if err != nil { // fails only for what JSON cannot express
		panic("commands: " + err.Error())
	}
	return signedHead + len(b)
}

// replaces reports whether a command takes the place of an earlier one of the same node.
func (c *Command) replaces(o *Command) bool { return c.Clears && c.Key != "" && c.Key == o.Key }

// order is that of commands of several nodes: by their numbers, which are times, and by the names
// of their nodes.
func order(seq uint64, id string, otherSeq uint64, otherID string) int {
	return cmp.Or(cmp.Compare(seq, otherSeq), cmp.Compare(id, otherID))
}

// text is a command as an audit trail has it.
func (c *Command) text() string {
	t := ""
	for _, name := range slices.Sorted(maps.Keys(c.Args)) {
		t += " " + name + "=" + c.Args[name]
	}
	return cut(t[min(1, len(t)):], 2*maxText)
}
