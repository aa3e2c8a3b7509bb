import { defineComponent, onMounted, ref, shallowRef, type VNode } from 'vue';
import type { SettingsView as Document } from '../../../contracts/bridge.ts';
import { messageOf } from '../../../contracts/errors.ts';
import { button, Copyable, fact, prose, searchField, selectField, textField } from '../../components/index.ts';
import { bridge, type Density, type Theme, t, useConnection, usePreferences } from '../../stores/index.ts';
import { type Language, languages } from '../../texts/index.ts';
import { desktopSettings } from './desktop-settings.tsx';
import { Registries } from './registries.tsx';

type Key = keyof Document['values'];
const keys: readonly Key[] = ['cpus', 'memoryMiB', 'diskGiB'];

/** Every setting with its explanation. */
export const SettingsView = defineComponent(() => {
  const preferences = usePreferences();
  const connection = useConnection();
  const document = shallowRef<Document>();
  const typed = ref<Record<Key, string>>({ cpus: '', memoryMiB: '', diskGiB: '' });
  const message = ref('');
  const problem = ref('');
  const search = ref('');

  const take = (found: Document): void => {
    document.value = found;
    typed.value = {
      cpus: String(found.values.cpus),
      memoryMiB: String(found.values.memoryMiB),
      diskGiB: String(found.values.diskGiB),
    };
  };
  onMounted(async () => take(await bridge.call('settings', {})));

  async function save(): Promise<void> {
    message.value = '';
    problem.value = '';
    const { defaults } = document.value ?? {};
    const wanted = (key: Key): number | null =>
      Number(typed.value[key]) === defaults?.[key] ? null : Number(typed.value[key]);
    try {
      take(
        await bridge.call('changeSettings', {
          cpus: wanted('cpus'),
          memoryMiB: wanted('memoryMiB'),
          diskGiB: wanted('diskGiB'),
        }),
      );
      message.value = t().settings.saved;
    } catch (error) {
      problem.value = messageOf(error);
    }
  }

  const shows = (...words: string[]): boolean => words.join(' ').toLowerCase().includes(search.value.toLowerCase());

  const appearance = (): VNode | undefined => {
    const texts = t().settings;
    if (!shows(texts.appearance, texts.theme, texts.language, texts.density)) return undefined;
    return (
      <section class="section">
        <h2>{texts.appearance}</h2>
        <div class="fields three">
          {selectField<Theme>({
            id: 'theme',
            label: texts.theme,
            value: preferences.theme,
            choices: texts.themes,
            change: theme => void Object.assign(preferences, { theme }),
          })}
          {selectField<Language>({
            id: 'language',
            label: texts.language,
            value: preferences.language,
            choices: { en: languages.en.name, de: languages.de.name },
            change: language => void Object.assign(preferences, { language }),
          })}
          {selectField<Density>({
            id: 'density',
            label: texts.density,
            value: preferences.density,
            choices: texts.densities,
            change: density => void Object.assign(preferences, { density }),
          })}
        </div>
      </section>
    );
  };

  const machine = (): VNode | undefined => {
    const texts = t().settings;
    const labels = { cpus: texts.cpus, memoryMiB: texts.memory, diskGiB: texts.disk };
    if (!document.value || !shows(texts.machine, ...Object.values(labels))) return undefined;
    const { defaults, file } = document.value;
    const hint = (key: Key): string => (key === 'diskGiB' ? `${texts.diskHint} ` : '') + texts.default(defaults[key]);
    return (
      <section class="section">
        <h2>{texts.machine}</h2>
        <p class="soft">{prose(texts.machineHint)}</p>
        <form
          class="fields three"
          onSubmit={event => {
            event.preventDefault();
            void save();
          }}
        >
          {keys.map(key =>
            textField({
              id: `setting-${key}`,
              label: labels[key],
              hint: hint(key),
              value: typed.value[key],
              change: value => {
                typed.value = { ...typed.value, [key]: value };
              },
            }),
          )}
          <div class="row wide">
            {button({ label: t().common.save, kind: 'primary', submit: true, onClick: () => undefined })}
            <span role="status">{message.value}</span>
            <span class="error-text" role="alert">
              {problem.value}
            </span>
          </div>
        </form>
        <p class="soft">
          {texts.file} <code>{file}</code>
        </p>
      </section>
    );
  };

  const about = (): VNode | undefined => {
    const texts = t().settings;
    const found = connection.about;
    if (!found || !shows(texts.about, texts.version, texts.dockerHost)) return undefined;
    return (
      <section class="section">
        <h2>{texts.about}</h2>
        <dl class="facts">
          {fact(texts.version, `${found.version} (${found.platform})`)}
          {fact(texts.engine, connection.info?.ServerVersion)}
          {fact(texts.dockerHost, <Copyable text={found.dockerHost} />)}
          {fact(texts.home, <Copyable text={found.home} />)}
        </dl>
      </section>
    );
  };

  return () => (
    <div class="view">
      <header class="head">
        <h1>{t().settings.title}</h1>
      </header>
      <div class="toolbar">
        {searchField(t().settings.search, search.value, value => {
          search.value = value;
        })}
      </div>
      <div class="body" tabindex={0}>
        {appearance()}
        {machine()}
        {shows(t().registries.title, t().registries.logIn) && <Registries />}
        {shows(t().desktop.title, ...Object.values(t().desktop).filter(text => typeof text === 'string')) &&
          desktopSettings()}
        {about()}
      </div>
    </div>
  );
});
