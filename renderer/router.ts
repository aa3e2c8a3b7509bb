import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router';

const routes: RouteRecordRaw[] = [
  { path: '/', redirect: '/containers' },
  { path: '/overview', component: async () => (await import('./views/system/overview.tsx')).Overview },
  {
    path: '/containers/:id?/:tab?',
    component: async () => (await import('./views/containers/list.tsx')).ContainerList,
  },
  { path: '/compose/:id?/:tab?', component: async () => (await import('./views/compose/list.tsx')).ComposeList },
  { path: '/images/:id?', component: async () => (await import('./views/images/list.tsx')).ImageList },
  { path: '/volumes/:id?/:tab?', component: async () => (await import('./views/volumes/list.tsx')).VolumeList },
  { path: '/networks/:id?', component: async () => (await import('./views/networks/list.tsx')).NetworkList },
  { path: '/builds/:id?', component: async () => (await import('./views/builds/list.tsx')).BuildList },
  { path: '/build-cache', component: async () => (await import('./views/builds/cache.tsx')).BuildCache },
  { path: '/engines', component: async () => (await import('./views/system/engines.tsx')).EnginesView },
  { path: '/settings', component: async () => (await import('./views/system/settings.tsx')).SettingsView },
  { path: '/diagnose', component: async () => (await import('./views/system/diagnose.tsx')).Diagnose },
  { path: '/:rest(.*)*', redirect: '/containers' },
];

/** Every view has an address, and every object that is open in it. */
export const router = createRouter({ history: createWebHistory(), routes });
