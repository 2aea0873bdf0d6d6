// The embedded internet as servers on loopback, whose faults can be switched while they answer.

package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"bailiwick/internal/console"
	"bailiwick/internal/lab"
)

func labCommand() *cobra.Command {
	var port uint16
	c := &ctl{socket: labSocket()}
	cmd := &cobra.Command{
		Use: "lab",
		Short: "Serve the embedded signed internet's authorities on loopback, for any " +
			"resolver",
		Long: "Serve the authorities of the embedded internet at addresses of " +
			"127.53.0.0/16, and print root hints and trust anchor for a resolver.\n" +
			"While they answer, zones and servers can be broken and repaired: lab fault, " +
			"lab repair, lab play. bank.example, shop.example and post.example are there for it.",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return serveLab(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr(), lab.Internet(time.Now()),
				port, c.socket)
		},
	}
	cmd.Flags().Uint16Var(&port, "port", 53, "port that the authorities listen at")
	cmd.PersistentFlags().StringVar(&c.socket, "socket", c.socket,
		"`PATH` of the socket that faults are switched by")
	for _, o := range labOperations(nil) {
		sub := &cobra.Command{Use: o.Name}
		cmd.AddCommand(sub)
		c.define(sub, &o)
	}
	cmd.AddCommand(playCommand(c))
	return cmd
}

// serveLab serves a world until ctx ends. What faults are switched is logged.
func serveLab(ctx context.Context, out, log io.Writer, w *lab.World, port uint16,
	socket string) error {
	if err := w.Listen(ctx, port); err != nil {
		return err
	}
	desk := console.NewDesk(labOperations(w), slog.New(slog.NewTextHandler(log, nil)),
		func(console.Interface, console.Outcome) {})
	control, err := console.ListenControl(socket, console.Config{Mode: 0o600}, nil, desk, nil)
	if err != nil {
		return err
	}
	defer control.Close()
	control.Start()
	name, addrs := w.Roots()
	fmt.Fprintf(out, "; root hints, port %d\n. 3600 IN NS %s\n", port, name)
	for _, a := range addrs {
		fmt.Fprintf(out, "%s 3600 IN A %s\n", name, a)
	}
	fmt.Fprintf(out, "; trust anchor\n%s\n; faults are switched by %s\n", w.Anchor(), socket)
	<-ctx.Done()
	return nil
}

// labSocket returns the usual path of the lab's socket: in this user's own folder, or beside
// temporary files under a name with the user's number.
func labSocket() string {
	if folder := os.Getenv("XDG_RUNTIME_DIR"); folder != "" {
		return filepath.Join(folder, "bailiwick-lab.sock")
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("bailiwick-lab-%d.sock", os.Getuid()))
}

// labOperations returns what a running lab can be asked for.
func labOperations(w *lab.World) []console.Operation {
	name := console.Param{Name: "name", Positional: true, Required: true,
		Help: "a zone, or a name server of one such as ns2.bank.example"}
	var faults []string
	for _, f := range lab.LiveFaults() {
		faults = append(faults, string(f))
	}
	return []console.Operation{{
		Name: "fault", Short: "Break a zone, or one of its servers, in place of its other faults",
		Long: "Break a zone of the running lab, or one of its servers, in place of the faults " +
			"that it has. A zone's name stands for all its servers. " +
			"The clock's are for the root: every signature is made for another time, as if the " +
			"resolver's clock were wrong.\nFaults: " + strings.Join(faults, ", ") + ".",
		Example: "lab fault expired bank.example\n  bailiwick lab fault dead ns1.bank.example\n" +
			"  bailiwick lab fault clock-behind .",
		Changes: true,
		Params: []console.Param{{Name: "fault", Positional: true, Required: true, Choices: faults,
			Help: "what is to be wrong"}, name},
		Run: func(q console.Request) (console.Result, error) {
			return console.Result{}, w.Break(q.Args["name"], lab.Fault(q.Args["fault"]))
		},
	}, {
		Name: "repair", Short: "End the faults of a zone, or of one of its servers",
		Long: "End the faults of a zone and of its servers, or of one server. What resolvers " +
			"have cached stays. A rollover of keys that was stuck, or partial, is complete " +
			"afterwards.",
		Example: "lab repair bank.example", Changes: true, Params: []console.Param{name},
		Run: func(q console.Request) (console.Result, error) {
			return console.Result{}, w.Break(q.Args["name"])
		},
	}, {
		Name: "faults", Short: "List the zones and servers that are broken, and how",
		Rows: []console.Field{{Name: "name"}, {Name: "faults"}},
		Run: func(console.Request) (console.Result, error) {
			r := console.Result{Columns: []string{"name", "faults"}}
			for _, line := range w.Broken() {
				name, faults, _ := strings.Cut(line, " ")
				r.Rows = append(r.Rows, []any{name, faults})
			}
			return r, nil
		},
	}}
}
