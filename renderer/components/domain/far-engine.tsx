import { RefreshCw } from '@lucide/vue';
import { defineComponent } from 'vue';
import { bridge, t, useConnection, useNotices } from '../../stores/index.ts';
import { button } from '../base/controls.tsx';

/** In place of the lists of an engine that is elsewhere and has not answered: why, and what one can do from here. */
export const FarEngine = defineComponent(() => {
  const connection = useConnection();

  async function showOwn(): Promise<void> {
    try {
      await bridge.call('chooseEngine', { name: '' });
      location.reload();
    } catch (error) {
      useNotices().add(t().engines.show, error);
    }
  }

  return () => {
    const texts = t().engines;
    const { engine = '', dockerHost = '' } = connection.about ?? {};
    return (
      <div class="empty">
        <h2>{connection.problem ? texts.away(engine) : texts.connectingTo(engine)}</h2>
        <p class="mono soft">{dockerHost}</p>
        {connection.problem && (
          <p class="error-text pre" role="alert">
            {connection.problem}
          </p>
        )}
        {connection.problem && <p>{texts.awayText}</p>}
        <div class="row">
          {connection.problem &&
            button({ label: texts.again, icon: RefreshCw, kind: 'primary', onClick: connection.retry })}
          {button({ label: texts.showOwn, onClick: () => void showOwn() })}
        </div>
      </div>
    );
  };
});
