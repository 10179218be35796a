// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"

	"coxswain.dev/coxswain/scheduler"
)

// Options are the values of the flags.
type Options struct {
	// ConfigFile is a KubeSchedulerConfiguration. Flags that were given win over what it says.
	ConfigFile string
	Kubeconfig string
	Master     string
	Serving    Serving

	LeaderElect bool
	Election    scheduler.LeaderElection

	QPS   float32
	Burst int

	flags *pflag.FlagSet
}

// Serving is where the scheduler answers /healthz, /metrics and scheduler.DebugPath.
type Serving struct {
	BindAddress  string
	SecurePort   int
	CertFile     string
	KeyFile      string
	ClientCAFile string
}

// New returns the defaults: those of kube-scheduler, but for listening on loopback only.
func New() *Options {
	return &Options{
		Serving:     Serving{BindAddress: "127.0.0.1", SecurePort: 10259},
		LeaderElect: true,
		Election: scheduler.LeaderElection{
			Namespace: "kube-system", Name: "kube-scheduler",
			LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: 2 * time.Second,
		},
	}
}

// AddFlags adds all flags to flags.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	o.flags = flags
	flags.StringVar(&o.ConfigFile, "config", o.ConfigFile, "File with a KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1). Flags win over it.")
	flags.StringVar(&o.Kubeconfig, "kubeconfig", o.Kubeconfig, "File with the address of the API server and the credentials to use there.")
	flags.StringVar(&o.Master, "master", o.Master, "Address of the API server, instead of that in the kubeconfig.")
	flags.Float32Var(&o.QPS, "kube-api-qps", o.QPS, "Requests a second to the API server; 0 leaves limits to the server.")
	flags.IntVar(&o.Burst, "kube-api-burst", o.Burst, "Requests that may go out at once beyond --kube-api-qps.")

	s := &o.Serving
	flags.StringVar(&s.BindAddress, "bind-address", s.BindAddress, "Address of the secure port.")
	flags.IntVar(&s.SecurePort, "secure-port", s.SecurePort, "Port for HTTPS; 0 turns it off.")
	flags.StringVar(&s.CertFile, "tls-cert-file", s.CertFile, "Serving certificate; one is made when it is not given.")
	flags.StringVar(&s.KeyFile, "tls-private-key-file", s.KeyFile, "Key of --tls-cert-file.")
	flags.StringVar(&s.ClientCAFile, "client-ca-file", s.ClientCAFile, "Authorities of client certificates.")

	e := &o.Election
	flags.BoolVar(&o.LeaderElect, "leader-elect", o.LeaderElect, "Only decide while holding the lease that all schedulers of the cluster compete for.")
	flags.DurationVar(&e.LeaseDuration, "leader-elect-lease-duration", e.LeaseDuration, "How long others wait for a silent leader.")
	flags.DurationVar(&e.RenewDeadline, "leader-elect-renew-deadline", e.RenewDeadline, "How long the leader tries to renew before it stops.")
	flags.DurationVar(&e.RetryPeriod, "leader-elect-retry-period", e.RetryPeriod, "Pause between tries.")
	flags.StringVar(&e.Namespace, "leader-elect-resource-namespace", e.Namespace, "Namespace of the lease.")
	flags.StringVar(&e.Name, "leader-elect-resource-name", e.Name, "Name of the lease.")
}

// Completed are options whose files have been read. Only Complete makes them.
type Completed struct {
	config  scheduler.Config
	serving Serving
}

// Config is the configuration to give to scheduler.New.
func (c Completed) Config() scheduler.Config { return c.config }

// Serving is where to answer.
func (c Completed) Serving() Serving { return c.serving }

// Complete reads the files that the options name.
func (o *Options) Complete() (Completed, error) {
	done := *o
	config := scheduler.Config{}
	if o.ConfigFile != "" {
		data, err := os.ReadFile(o.ConfigFile)
		if err != nil {
			return Completed{}, fmt.Errorf("reading --config: %w", err)
		}
		file, err := decode(data)
		if err != nil {
			return Completed{}, fmt.Errorf("reading --config %s: %w", o.ConfigFile, err)
		}
		done.take(file)
		config.Profiles = file.Profiles
		config.InitialBackoff, config.MaxBackoff = seconds(file.PodInitialBackoffSeconds), seconds(file.PodMaxBackoffSeconds)
	}
	if err := errors.Join(done.Validate()...); err != nil {
		return Completed{}, err
	}
	var err error
	if config.Rest, err = done.rest(); err != nil {
		return Completed{}, err
	}
	if done.LeaderElect {
		election := done.Election
		config.LeaderElection = &election
	}
	return Completed{config: config, serving: done.Serving}, nil
}

// take fills in what the file says and no flag does.
func (o *Options) take(file *schedulerv1.KubeSchedulerConfiguration) {
	set := func(flag string, from bool, do func()) {
		if from && (o.flags == nil || !o.flags.Changed(flag)) {
			do()
		}
	}
	connection, election := file.ClientConnection, file.LeaderElection
	set("kubeconfig", connection.Kubeconfig != "", func() { o.Kubeconfig = connection.Kubeconfig })
	set("kube-api-qps", connection.QPS != 0, func() { o.QPS = connection.QPS })
	set("kube-api-burst", connection.Burst != 0, func() { o.Burst = int(connection.Burst) })
	set("leader-elect", election.LeaderElect != nil, func() { o.LeaderElect = *election.LeaderElect })
	set("leader-elect-lease-duration", election.LeaseDuration.Duration != 0, func() { o.Election.LeaseDuration = election.LeaseDuration.Duration })
	set("leader-elect-renew-deadline", election.RenewDeadline.Duration != 0, func() { o.Election.RenewDeadline = election.RenewDeadline.Duration })
	set("leader-elect-retry-period", election.RetryPeriod.Duration != 0, func() { o.Election.RetryPeriod = election.RetryPeriod.Duration })
	set("leader-elect-resource-namespace", election.ResourceNamespace != "", func() { o.Election.Namespace = election.ResourceNamespace })
	set("leader-elect-resource-name", election.ResourceName != "", func() { o.Election.Name = election.ResourceName })
}

func (o *Options) rest() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags(o.Master, o.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading --kubeconfig: %w", err)
	}
	config.QPS, config.Burst = o.QPS, o.Burst
	return config, nil
}

// Validate returns everything that is wrong with the options.
func (o *Options) Validate() []error {
	var errs []error
	if o.Serving.SecurePort < 0 || o.Serving.SecurePort > 65535 {
		errs = append(errs, fmt.Errorf("--secure-port: %d is not between 0 and 65535", o.Serving.SecurePort))
	}
	if (o.Serving.CertFile == "") != (o.Serving.KeyFile == "") {
		errs = append(errs, errors.New("--tls-cert-file and --tls-private-key-file go together"))
	}
	if o.QPS > 0 && o.Burst < 1 {
		errs = append(errs, errors.New("--kube-api-burst must be at least 1 with --kube-api-qps"))
	}
	e := o.Election
	if o.LeaderElect && (e.RenewDeadline >= e.LeaseDuration || e.RetryPeriod >= e.RenewDeadline) {
		errs = append(errs, errors.New("--leader-elect-retry-period must be shorter than --leader-elect-renew-deadline, and that shorter than --leader-elect-lease-duration"))
	}
	return errs
}
