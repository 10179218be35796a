// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// Config says what is put into the cluster.
type Config struct {
	// Store returns the store of a resource, nil when it is not served (what would go there is left out).
	Store func(schema.GroupResource) *genericregistry.Store
	// ServiceIP is the address of Service default/kubernetes (the first of the service range).
	ServiceIP netip.Addr
	// Advertise is where the members of the cluster reach this server. Invalid leaves the Service out; a loopback address,
	// which nobody else can reach, leaves it without endpoints.
	Advertise netip.AddrPort
	// Identity tells this server from others, together with Advertise.
	Identity string

	// Authentication is what extension servers must know.
	Authentication ExtensionAuthentication

	// Clock is nil for the real one.
	Clock clock.WithTicker
}

const (
	// period is how often this server says that it is alive, and looks after what it keeps.
	period = 10 * time.Second
	// retry is how soon a failed first pass is repeated.
	retry = 200 * time.Millisecond
	// workers write at the same time.
	workers = 16
)

// Bootstrap furnishes a cluster and looks after the furniture.
type Bootstrap struct {
	config Config
	stores stores
	ready  chan struct{}

	flowControlled time.Time // when its objects were last looked after; of the one goroutine of Start
}

// New makes a Bootstrap.
func New(config Config) *Bootstrap {
	if config.Clock == nil {
		config.Clock = clock.RealClock{}
	}
	return &Bootstrap{config: config, stores: config.Store, ready: make(chan struct{})}
}

// Ready is closed when everything has been put in place once.
func (b *Bootstrap) Ready() <-chan struct{} { return b.ready }

// Start furnishes the cluster, and then keeps the endpoints of Service default/kubernetes and the system namespaces as
// they should be, until ctx ends; then it withdraws this server's endpoint.
func (b *Bootstrap) Start(ctx context.Context) error {
	logger := klog.FromContext(ctx).WithName("bootstrap")
	ctx = klog.NewContext(ctx, logger)
	put := b.maintain // what is left to do once the server is ready
	for {
		err := b.furnish(ctx)
		if err == nil {
			break
		}
		if onlyNoSpace(err) { // a store that is full is emptied through a server that is ready
			logger.Error(err, "Putting default objects in place; the server starts without what is missing")
			put = b.furnish
			break
		}
		logger.Error(err, "Putting default objects in place; trying again")
		select {
		case <-ctx.Done():
			return nil
		case <-b.config.Clock.After(retry):
		}
	}
	close(b.ready)
	ticker := b.config.Clock.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			b.withdraw(ctx)
			return nil
		case <-ticker.C():
			switch err := put(ctx); {
			case err == nil:
				put = b.maintain
			case ctx.Err() == nil:
				logger.Error(err, "Looking after default objects")
			}
		}
	}
}

// furnish puts everything in place, all at once where nothing depends on anything else.
func (b *Bootstrap) furnish(ctx context.Context) error {
	flowControl := func(ctx context.Context) error { return b.flowControl(ctx, "") }
	b.flowControlled = b.config.Clock.Now()
	tasks := []task{b.namespaces, b.priorityClasses, b.roles, flowControl, b.extensionAuthentication, b.kubernetesService}
	return inParallel(ctx, tasks)
}

// maintain repeats what others can undo, or time does.
func (b *Bootstrap) maintain(ctx context.Context) error {
	return inParallel(ctx, []task{b.namespaces, b.maintainFlowControl, b.extensionAuthentication, b.kubernetesService})
}

// onlyNoSpace reports an error of tasks that failed because there was no room in etcd, all of them.
func onlyNoSpace(err error) bool {
	if several, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // the outermost is from errors.Join
		return !slices.ContainsFunc(several.Unwrap(), func(one error) bool { return !errors.Is(one, rpctypes.ErrNoSpace) })
	}
	return errors.Is(err, rpctypes.ErrNoSpace)
}

type task func(ctx context.Context) error

// inParallel runs tasks, a few at a time, and returns all their errors.
func inParallel(ctx context.Context, tasks []task) error {
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		errs  []error
	)
	slots := make(chan struct{}, workers)
	for _, t := range tasks {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := t(ctx); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

var (
	clusterRoles        = schema.GroupResource{Group: rbacv1.GroupName, Resource: "clusterroles"}
	clusterRoleBindings = schema.GroupResource{Group: rbacv1.GroupName, Resource: "clusterrolebindings"}
	roles               = schema.GroupResource{Group: rbacv1.GroupName, Resource: "roles"}
	roleBindings        = schema.GroupResource{Group: rbacv1.GroupName, Resource: "rolebindings"}
	namespaces          = schema.GroupResource{Resource: "namespaces"}
	configMaps          = schema.GroupResource{Resource: "configmaps"}
	services            = schema.GroupResource{Resource: "services"}
	endpoints           = schema.GroupResource{Resource: "endpoints"}
	endpointSlices      = schema.GroupResource{Group: "discovery.k8s.io", Resource: "endpointslices"}
	leases              = schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}
	priorityClasses     = schema.GroupResource{Group: "scheduling.k8s.io", Resource: "priorityclasses"}
	flowSchemas         = schema.GroupResource{Group: flowcontrolv1.GroupName, Resource: "flowschemas"}
	priorityLevels      = schema.GroupResource{Group: flowcontrolv1.GroupName, Resource: "prioritylevelconfigurations"}
)

// doing wraps an error with what was being done.
func doing(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
