// What the keys of the running configuration hold, and how a file differs from it.

package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"bailiwick/internal/config"
	"bailiwick/internal/console"
)

// configSalt is the salt of the hashes that stand for secrets: another one in each process.
var configSalt = func() []byte {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // it never fails
	return salt
}()

// configValues lists the keys with what they hold now, changes at run time among it.
func (r *running) configValues(q console.Request) (console.Result, error) {
	res := console.Result{Fields: map[string]any{"file": r.now().Config.File(),
		"salt": hex.EncodeToString(configSalt)},
		Columns: []string{"key", "value", "given", "from", "restart"}}
	for _, s := range r.now().Config.Settings(configSalt) {
		if !s.Given && q.Args["all"] != "true" {
			continue
		}
		res.Rows = append(res.Rows, []any{s.Key, s.Value, s.Given, s.From,
			slices.Contains(atStart, s.Key)})
	}
	return res, nil
}

// difference is a key that has another value in a file than in a running server.
type difference struct {
	Key     string `json:"key"`
	Running string `json:"running"`
	File    string `json:"file"`
	Restart bool   `json:"restart"` // it holds from one start to the next
}

// configDiffCommand compares a file with a running server.
func configDiffCommand() *cobra.Command {
	var socket string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "diff [FILE]",
		Short: "Say what a reload with a file would change in the running server",
		Long: "Say which keys have other values in a file than in the running server, changes at " +
			"run time among them. Without FILE it is the file that the server was started " +
			"with. Secrets are compared by salted hashes, and not shown.\n\n" +
			"Exit status: 0 no key differs; 1 some do, or the file is wrong, or the server " +
			"cannot be asked.",
		Args:              cobra.MaximumNArgs(1),
		SuggestFor:        []string{"compare", "changes"},
		ValidArgsFunction: completeConfig,
		RunE: func(cmd *cobra.Command, args []string) error {
			file := ""
			if len(args) > 0 {
				file = args[0]
			}
			path, err := controlSocket(socket, file)
			if err != nil {
				return err
			}
			result, err := console.Call(path, console.Request{Command: "config",
				Args: map[string]string{"all": "true"}}, nil)
			if err != nil {
				return err
			}
			if file == "" {
				file, _ = result.Fields["file"].(string)
			}
			cfg, found := readConfig(file)
			if err := refuse(cmd.ErrOrStderr(), file, found.Errors()); err != nil {
				return err
			}
			list, err := differences(result, cfg)
			if err != nil {
				return err
			}
			if err := printDifferences(cmd.OutOrStdout(), list, asJSON); err != nil {
				return err
			}
			if n := len(list); n > 0 {
				return &exitError{fmt.Errorf("%s differs in %s", file, plural(n, "key")), 1}
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&socket, "socket", "s", "",
		"control socket's `PATH`; without it that of the file, or the usual place")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a list of objects")
	return cmd
}

// differences compares what a server says of its configuration with another one.
func differences(server console.Result, cfg *config.Config) (list []difference, err error) {
	text, _ := server.Fields["salt"].(string)
	salt, err := hex.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("salt of the server: %w", err)
	}
	here := cfg.Settings(salt)
	list = []difference{}
	for _, row := range server.Rows {
		key, value := fmt.Sprint(row[0]), fmt.Sprint(row[1])
		i := slices.IndexFunc(here, func(s config.Setting) bool { return s.Key == key })
		if i < 0 {
			continue // a server of another version
		}
		if here[i].Value != value {
			list = append(list, difference{key, value, here[i].Value, row[4] == true})
		}
	}
	return list, nil
}

// printDifferences prints a line for each value, the old one before the new one.
func printDifferences(w io.Writer, list []difference, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(list)
	}
	for _, d := range list {
		when := ""
		if d.Restart {
			when = " (at the next start)"
		}
		if _, err := fmt.Fprintf(w, "%s%s\n- %s\n+ %s\n", d.Key, when, d.Running,
			d.File); err != nil {
			return err
		}
	}
	return nil
}
