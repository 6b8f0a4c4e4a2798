package topics

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Apply changes the cluster until it is what the catalogue declares, and deletes the topics in remove. It reports its
// progress to log. It may be stopped through ctx at any time, and run again: it looks at the cluster first, and again
// after every pause, and keeps no state. If it fails, what it did before stays done.
func Apply(ctx context.Context, cluster *Cluster, c *Catalogue, remove []string, log func(string)) error {
	r := &run{
		cluster: cluster, catalogue: c, remove: remove, log: log,
		created: map[string]bool{}, deleted: map[string]bool{}, progress: time.Now(),
	}
	for {
		plan, err := r.look(ctx)
		if err != nil {
			return err
		}
		steps := r.open(plan)
		if len(steps) == 0 {
			if err := r.settle(ctx); err != nil || !r.again {
				return err
			}
			continue
		}
		left := 0
		for _, s := range steps {
			left += s.left()
		}
		r.total = max(r.total, left)
		r.done = r.total - left // by this run or another
		if err := r.work(ctx, steps); err != nil {
			return err
		}
	}
}

const (
	// firstPatience is how long a cluster may be unreachable before the first answer: then it is the wrong address.
	firstPatience = 30 * time.Second
	// patience is how long a run goes on without any progress, which covers the worst of the quotas several times.
	patience = 20 * time.Minute
	// lookAgain is the pause after which another run may have changed the cluster.
	lookAgain = 5 * time.Second
	// longestBackoff limits the pause after a failure that passes.
	longestBackoff = 30 * time.Second
	// grace is how long a request that was sent may still be answered after a run is stopped.
	grace = 5 * time.Second
	// leaderPatience is how long new topics may be without leaders.
	leaderPatience = 3 * time.Minute
)

// run is one run of Apply.
type run struct {
	cluster   *Cluster
	catalogue *Catalogue
	remove    []string
	log       func(string)

	pacer            pacer
	created, deleted map[string]bool // in this run, although the cluster may not show it yet
	done, total      int             // partitions that were created and deleted, and all that have to be
	altered          int             // topics
	backoff          time.Duration
	progress         time.Time // of the last step that succeeded
	again            bool      // settle found something to do
}

// look returns the difference between the catalogue and the cluster, or an error if it can't be removed.
func (r *run) look(ctx context.Context) (*Plan, error) {
	state, err := Look(ctx, r.cluster, r.log)
	if err != nil {
		return nil, err
	}
	plan := Compare(r.catalogue, state, r.remove)
	return plan, plan.Err()
}

// Look reads the cluster's state. It retries for a while what passes, such as a broker that can't be reached.
func Look(ctx context.Context, cluster *Cluster, log func(string)) (State, error) {
	start := time.Now()
	for pause := time.Second; ; pause = min(2*pause, longestBackoff) {
		state, err := cluster.State(ctx)
		if err == nil {
			return state, nil
		}
		if ctx.Err() != nil {
			return nil, stopped(ctx)
		}
		if !passes(err) || time.Since(start) > firstPatience {
			return nil, fmt.Errorf("reading the cluster's topics: %w", explain(err))
		}
		log(fmt.Sprintf("the cluster can't be read, trying again: %s", err))
		if err := sleep(ctx, time.Now().Add(pause)); err != nil {
			return nil, err
		}
	}
}

// open returns the plan's steps without those that this run has made and the cluster doesn't show yet.
func (r *run) open(plan *Plan) []step {
	return slices.DeleteFunc(plan.steps(), func(s step) bool {
		return s.kind == creating && r.created[s.topic.Name] || s.kind == deleting && r.deleted[s.topic.Name]
	})
}

// work makes the steps, up to the first pause or failure after which the cluster has to be looked at.
func (r *run) work(ctx context.Context, steps []step) error {
	for len(steps) > 0 {
		batch, at := r.pacer.batch(time.Now(), steps)
		wait := time.Until(at)
		if wait > lookAgain {
			r.log(fmt.Sprintf("waiting %s for the quotas", short(wait)))
		}
		if err := sleep(ctx, at); err != nil {
			return r.interrupted(err)
		}
		if wait > lookAgain {
			return nil
		}
		unsure, err := r.send(ctx, batch)
		if err != nil {
			return err
		}
		steps = without(steps, batch)
		for _, s := range batch {
			steps = append(steps, s.rest()...)
		}
		if unsure {
			return nil
		}
		r.report(steps)
	}
	return nil
}

// send makes one request. It reports whether anything is left open, so that the cluster has to be looked at; its error
// is one that doesn't pass.
func (r *run) send(ctx context.Context, batch []step) (unsure bool, err error) {
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*requestTime)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	defer stop()
	results, err := r.cluster.send(sending, batch)
	now := time.Now()
	if err != nil {
		spent := cost(batch) // it may have been carried out
		if network, ok := errors.AsType[*net.OpError](err); ok && network.Op == "dial" {
			spent = 0
		}
		r.pacer.sent(now, spent)
		if ctx.Err() != nil {
			return false, r.interrupted(stopped(ctx))
		}
		return true, r.failed(err)
	}
	spent, passing, fatal := 0, error(nil), []string(nil)
	refused := false
	for _, s := range batch {
		err := results[s.topic.Name]
		switch {
		case err == nil:
			spent += s.partitions
			r.made(s)
		case s.kind == creating && errors.Is(err, kerr.TopicAlreadyExists):
			r.created[s.topic.Name] = true
			passing = err
		case s.kind == deleting && errors.Is(err, kerr.UnknownTopicOrPartition):
			r.deleted[s.topic.Name] = true
		case errors.Is(err, kerr.ThrottlingQuotaExceeded):
			refused = true
		case passes(err), s.kind == growing && errors.Is(err, kerr.InvalidPartitions): // it has grown already
			spent += s.partitions
			passing = err
		default:
			fatal = append(fatal, fmt.Sprintf("%s: %s", s.topic.Name, explain(err)))
		}
	}
	r.pacer.sent(now, spent)
	switch {
	case len(fatal) > 0:
		return false, fmt.Errorf("%s; %s", strings.Join(fatal, "\n"), r.summary())
	case refused:
		r.log("refused: the quota of 250 partitions in 5 minutes is used up, by another run or an earlier one")
		r.pacer.refused(now)
		return true, r.stuck(kerr.ThrottlingQuotaExceeded)
	case errors.Is(passing, kerr.TopicAlreadyExists):
		return true, nil
	case passing != nil:
		return true, r.failed(passing)
	}
	r.backoff = 0
	return false, nil
}

// made records a step that succeeded.
func (r *run) made(s step) {
	r.progress = time.Now()
	r.done += s.partitions
	switch s.kind {
	case creating:
		r.created[s.topic.Name] = true
	case deleting:
		r.deleted[s.topic.Name] = true
	case altering:
		r.altered++
	}
}

// failed returns the error unless it passes. Otherwise the next request has to wait, longer each time.
func (r *run) failed(err error) error {
	if !passes(err) && !errors.Is(err, kerr.InvalidPartitions) {
		return fmt.Errorf("%w; %s", explain(err), r.summary())
	}
	r.backoff = min(max(2*r.backoff, time.Second), longestBackoff)
	r.pacer.ready = time.Now().Add(r.backoff)
	r.log(fmt.Sprintf("trying again in %s: %s", r.backoff, err))
	return r.stuck(err)
}

// stuck returns an error if nothing has succeeded for too long.
func (r *run) stuck(err error) error {
	if time.Since(r.progress) > patience {
		return fmt.Errorf("no progress for %s: %w; %s", patience, explain(err), r.summary())
	}
	return nil
}

// interrupted adds to an error what was done.
func (r *run) interrupted(err error) error { return fmt.Errorf("%w: %s", err, r.summary()) }

func (r *run) summary() string {
	return fmt.Sprintf("%s of %s partitions were created or deleted, and the settings of %s topics altered; "+
		"run it again to continue", number(r.done), number(r.total), number(r.altered))
}

// report logs what is done, and how long the rest takes.
func (r *run) report(rest []step) {
	left := duration(r.pacer, time.Now(), rest)
	r.log(fmt.Sprintf("%s of %s partitions, %s topics altered, %s left",
		number(r.done), number(r.total), number(r.altered), short(left)))
}

// settle waits until each declared topic has leaders and no deleted one is left. It sets again if there is something to
// do after all, such as a topic that somebody else has deleted.
func (r *run) settle(ctx context.Context) error {
	start := time.Now()
	for {
		state, err := Look(ctx, r.cluster, r.log)
		if err != nil {
			return r.interrupted(err)
		}
		plan := Compare(r.catalogue, state, r.remove)
		if err := plan.Err(); err != nil {
			return err
		}
		r.again = len(r.open(plan)) > 0
		waiting := r.waiting(plan, state)
		if r.again || len(waiting) == 0 {
			return nil
		}
		if time.Since(start) > leaderPatience {
			return fmt.Errorf("%d topics aren't ready after %s, such as %s; look again with mskctl topics check",
				len(waiting), leaderPatience, waiting[0])
		}
		if err := sleep(ctx, time.Now().Add(2*time.Second)); err != nil {
			return r.interrupted(err)
		}
	}
}

// waiting returns the topics that are on their way: declared ones that are missing or without leaders, and deleted
// ones.
func (r *run) waiting(plan *Plan, state State) []string {
	var names []string
	for _, t := range slices.Concat(plan.Create, plan.Delete) {
		names = append(names, t.Name)
	}
	for _, t := range r.catalogue.Topics() {
		if state[t.Name].Leaderless > 0 {
			names = append(names, t.Name)
		}
	}
	return names
}

// Deletable returns the cluster's topics that match the patterns, in which * stands for any characters. It returns an
// error for a pattern that matches nothing, or a declared topic.
func Deletable(c *Catalogue, state State, patterns []string) ([]string, error) {
	var errs []error
	names := map[string]bool{}
	for _, pattern := range patterns {
		found := 0
		for _, name := range slices.Sorted(maps.Keys(state)) {
			if glob(pattern).match(name) {
				names[name] = true
				found++
			}
		}
		if found == 0 {
			errs = append(errs, fmt.Errorf("--delete %s: the cluster has no such topic", pattern))
		}
	}
	for _, t := range c.Topics() {
		if names[t.Name] {
			errs = append(errs, fmt.Errorf("--delete: %s is in the catalogue, and would be created again: "+
				"remove it there first", t.Name))
		}
	}
	return slices.Sorted(maps.Keys(names)), errors.Join(errs...)
}

// stopped returns the error for a run that was stopped.
func stopped(ctx context.Context) error { return fmt.Errorf("stopped (%w)", context.Cause(ctx)) }

// sleep returns at the time, or with an error as soon as ctx is done.
func sleep(ctx context.Context, until time.Time) error {
	select {
	case <-ctx.Done():
		return stopped(ctx)
	case <-time.After(time.Until(until)):
		if ctx.Err() != nil {
			return stopped(ctx)
		}
		return nil
	}
}
