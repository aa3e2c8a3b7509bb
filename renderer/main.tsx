import { createPinia } from 'pinia';
import { createApp } from 'vue';
import { App } from './app.tsx';
import { desktop } from './bridge/index.ts';
import { router } from './router.ts';
import { useConnection, useDesktop } from './stores/index.ts';
import './styles/tokens.css';
import './styles/app.css';

const app = createApp(App);
app.use(createPinia());
app.use(router);
useConnection().start();
useDesktop(); // its menus speak as this window does
desktop?.onGoTo(path => void router.push(path));
app.mount('#app');
