// Who resolves a question: what one node does next, by what it has seen of the others.

package fleet

import "time"

// Turn is a node's way from a question that it misses to an [Outcome]:
//
//	found     > it is used
//	missing   > claim 1 > ours: this node resolves it, at once
//	                    > another's, and nobody waits: look again once, and leave it to that one
//	                    > another's: look again every pollTime, until
//	                        it is there                    > it is used
//	                        the claim is gone              > there is nothing to share
//	                        claim n+1 is ours, after n claimSteps > this node resolves it
//	                        waitTime has passed            > this node resolves it
//
// So of nodes that miss a question at the same time at most maxClaims resolve it, if one of them
// has done so within waitTime. If it takes longer each goes its own way: no client waits longer for
// another node, which may have died.
//
// It decides and does nothing: who asks the store is a member, or a simulation (fleetsim). The
// times that it takes are since the question began.
type Turn struct {
	// Refresh is set if nobody waits for the answer.
	Refresh bool
	// Wait takes the place of waitTime, if it is not 0: for simulations of other rules.
	Wait time.Duration

	claims int // that were tried
}

// Act is the kind of a [Move].
type Act uint8

// The acts.
const (
	Look  Act = iota // for the record, and whether the first claim is there
	Claim            // the question, as the Nth
	Pause
	End // with the Outcome
)

// Move is what a node does next.
type Move struct {
	Act     Act
	For     time.Duration // of a look and a claim, the most that it may take; of a pause
	N       int           // of a claim
	Outcome Outcome       // of the end
}

func (t *Turn) wait() time.Duration {
	if t.Wait != 0 {
		return t.Wait
	}
	return waitTime
}

// Begin returns the first move.
func (t *Turn) Begin() Move { return t.ask(Look, 0) }

// Looked returns the move after a look, which has found a record that can be used, or whether the
// first claim is there.
func (t *Turn) Looked(since time.Duration, found, claimed bool) Move {
	switch {
	case found && t.claims == 0:
		return end(Found)
	case found:
		return end(Awaited)
	case t.claims == 0:
	case t.Refresh:
		return end(Left)
	case !claimed:
		return end(Released)
	case t.claims == maxClaims, since < time.Duration(t.claims)*claimStep:
		return t.pause(since)
	}
	t.claims++
	return t.ask(Claim, since)
}

// Claimed returns the move after a claim, which is ours or another node's.
func (t *Turn) Claimed(since time.Duration, ours bool) Move {
	switch {
	case !ours:
		return t.pause(since)
	case t.claims > 1:
		return end(Joined)
	}
	return end(Missed)
}

// Paused returns the move after a pause.
func (t *Turn) Paused(since time.Duration) Move { return t.ask(Look, since) }

// ask returns the move that asks the store, which may take askTime and no longer than is left.
func (t *Turn) ask(a Act, since time.Duration) Move {
	if since >= t.wait() {
		return end(Late)
	}
	return Move{Act: a, For: min(askTime, t.wait()-since), N: t.claims}
}

func (t *Turn) pause(since time.Duration) Move {
	poll := pollTime
	if t.Refresh {
		poll = waitTime / 2
	}
	return Move{Act: Pause, For: min(poll, t.wait()-since)}
}

func end(o Outcome) Move { return Move{Act: End, Outcome: o} }
