// Scripts of faults: what is broken and repaired when.

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"bailiwick/internal/config"
	"bailiwick/internal/console"
)

// maxSteps is how many steps a script may have.
const maxSteps = 10000

// step is a line of a script.
type step struct {
	at      time.Duration // since the start
	request console.Request
}

func playCommand(c *ctl) *cobra.Command {
	return &cobra.Command{
		Use: "play FILE", Short: "Break and repair by a script with times",
		Long: "Break and repair zones of the running lab by a script, a line for each step: the " +
			"time since the start, then fault or repair as on the command line. What follows # " +
			"is not part of it; - is standard input. Nothing is done if a line is wrong.\n\n" +
			"  +10s fault expired bank.example\n  +40s repair bank.example",
		Example: "  bailiwick lab play morning.txt",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			steps, err := readScript(cmd.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			return play(ctx, cmd.OutOrStdout(), c.socket, steps)
		},
	}
}

// readScript reads a script from a file, or from standard input.
func readScript(stdin io.Reader, file string) ([]step, error) {
	if file == "-" {
		return parseScript(stdin)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	steps, err := parseScript(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return steps, nil
}

// parseScript reads the steps of a script. Times do not decrease.
func parseScript(r io.Reader) (steps []step, err error) {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		s, err := parseStep(words)
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", n, err)
		case len(steps) > 0 && s.at < steps[len(steps)-1].at:
			return nil, fmt.Errorf("line %d: %s is before the line above", n, words[0])
		case len(steps) == maxSteps:
			return nil, fmt.Errorf("line %d: more than %d steps", n, maxSteps)
		}
		steps = append(steps, s)
	}
	return steps, lines.Err()
}

// parseStep reads the words of a line.
func parseStep(words []string) (s step, err error) {
	if s.at, err = time.ParseDuration(strings.TrimPrefix(words[0], "+")); err != nil ||
		words[0][0] != '+' || s.at < 0 {
		return s, fmt.Errorf("%q is not a time such as +30s", words[0])
	}
	ops := slices.DeleteFunc(labOperations(nil), func(o console.Operation) bool {
		return !o.Changes
	})
	i := slices.IndexFunc(ops, func(o console.Operation) bool {
		return len(words) > 1 && o.Name == words[1]
	})
	if i < 0 {
		return s, fmt.Errorf("after the time comes fault or repair")
	}
	params, args := ops[i].Params, words[2:]
	if len(args) != len(params) {
		return s, fmt.Errorf("%s has %d arguments, not %d", words[1], len(params), len(args))
	}
	s.request = console.Request{Command: words[1], Args: map[string]string{}}
	for i, p := range params {
		if p.Choices != nil && !slices.Contains(p.Choices, args[i]) {
			text := fmt.Sprintf("there is no %s %q", p.Name, args[i])
			if meant := config.Nearest(args[i], p.Choices); meant != "" {
				text += "; did you mean " + meant + "?"
			}
			return s, fmt.Errorf("%s", text)
		}
		s.request.Args[p.Name] = args[i]
	}
	return s, nil
}

// play has a lab do the steps, each at its time, and tells them. It ends at the first that fails.
func play(ctx context.Context, out io.Writer, socket string, steps []step) error {
	began := time.Now()
	for _, s := range steps {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(began.Add(s.at))):
		}
		if _, err := console.Call(socket, s.request, out); err != nil {
			return fmt.Errorf("at +%s: %w", s.at, err)
		}
		fmt.Fprintf(out, "+%s %s %s %s\n", s.at, s.request.Command, s.request.Args["fault"],
			s.request.Args["name"])
	}
	return nil
}
