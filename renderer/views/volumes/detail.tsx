import { computed, defineComponent, h, ref, type VNode } from 'vue';
import { RouterLink, useRouter } from 'vue-router';
import { age, Copyable, detailView, fact, tabs } from '../../components/index.ts';
import { byteSize } from '../../model/index.ts';
import { t, useVolumes } from '../../stores/index.ts';
import { FileBrowser } from '../files/browser.tsx';
import { volumeFiles } from '../files/source.ts';
import type { VolumeUsage, VolumeUser } from './usage.ts';

/** One volume: its files, and what it is. */
export const VolumeDetail = defineComponent(
  (props: { name: string; usage: VolumeUsage }) => {
    const volumes = useVolumes();
    const router = useRouter();
    const tab = ref('files');
    const document = computed(() => volumes.items.find(({ Name }) => Name === props.name));
    const users = computed(() => props.usage.usersOf(props.name));
    /** The same as long as the same container has it: another one is read anew. */
    const through = computed(() => JSON.stringify(users.value.find(({ running }) => running) ?? null));
    const source = computed(() =>
      volumeFiles(props.name, (JSON.parse(through.value) as VolumeUser | null) ?? undefined),
    );

    const facts = (): VNode => (
      <div class="body" tabindex={0}>
        <dl class="facts">
          {fact(t().common.name, <Copyable text={props.name} />)}
          {fact(t().common.driver, document.value?.Driver)}
          {fact(t().volumes.mountpoint, document.value && <Copyable text={document.value.Mountpoint} />)}
          {fact(t().common.created, age(document.value?.CreatedAt))}
          {Object.entries(document.value?.Labels ?? {}).map(([key, value]) => fact(key, value))}
          {Object.entries(document.value?.Options ?? {}).map(([key, value]) => fact(key, value))}
        </dl>
        <section class="section">
          <h2>{t().volumes.usedBy}</h2>
          {users.value.length === 0 && <p class="soft">{t().volumes.unused}</p>}
          <ul class="plain">
            {users.value.map(({ id, name, path }) => (
              <li key={id}>
                <RouterLink to={`/containers/${id}/overview`}>{{ default: () => name }}</RouterLink> <code>{path}</code>
              </li>
            ))}
          </ul>
        </section>
      </div>
    );

    const all = (): VNode =>
      tabs(
        t().common.details,
        [
          { key: 'files', label: t().detail.files, content: () => h(FileBrowser, { source: source.value }) },
          { key: 'facts', label: t().detail.overview, content: facts },
        ],
        tab.value,
        key => {
          tab.value = key;
        },
      );

    return () => {
      const bytes = props.usage.sizeOf(props.name);
      return detailView({
        name: props.name,
        sub: bytes < 0 ? '' : byteSize(bytes),
        close: () => void router.push('/volumes'),
        content: all(),
      });
    };
  },
  { props: ['name', 'usage'] },
);
